"""The receiver that `docs/subscriber.md` shows runs as it stands: right signatures pass, repeats are told once."""

import asyncio
import re
import sys
from pathlib import Path

from infra.clock import SystemClock
from infra.local.ports import answers, free_port
from streams.delivery.message import alert_message
from streams.delivery.webhook import WebhookSender
from tests.streams.delivery.helpers import COMPOSER, LOCAL, OLD_SECRET, SECRET, alert, sender, subscription, until

DOCUMENT = Path(__file__).parents[3] / "docs" / "subscriber.md"


def test_the_example_receiver_takes_what_we_sign(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "class Receiver" in block]
    (tmp_path / "receiver.py").write_text(example, encoding="utf-8")
    port = free_port(set())

    async def story() -> bytes:
        env = {"WEBHOOK_SECRET": SECRET, "PORT": str(port), "PYTHONIOENCODING": "utf-8"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(tmp_path / "receiver.py"), env=env, stdout=asyncio.subprocess.PIPE
        )
        await until(lambda: answers(port), 30)
        who, message = subscription(url=f"http://127.0.0.1:{port}/"), alert_message(alert())
        ours, stranger = sender(), WebhookSender(COMPOSER, LOCAL, lambda _name: [OLD_SECRET], SystemClock())
        changing = sender(secrets=(OLD_SECRET, SECRET))
        outcomes = [
            (await hooks.send(message, who, who.channel)).kind  # type: ignore[arg-type]
            for hooks in (ours, ours, changing, stranger)
        ]
        for hooks in (ours, stranger, changing):
            await hooks.close()
        process.terminate()
        said, _ = await process.communicate()
        assert outcomes == ["delivered", "delivered", "delivered", "failed"]
        return said

    assert asyncio.run(story()).decode() == "anfang.alert.opened 【警告】新预警：超员（中心广场）\n"
