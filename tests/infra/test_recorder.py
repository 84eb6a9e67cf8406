"""The recorder's link: the template of the site file, filled in; a wrong template is told with its line."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.errors import UserError
from infra.settings import SMALL_SITE
from infra.site import load_site

AT_MS = 1_716_768_000_500  # 2024-05-27 08:00:00.5 in Shanghai


def _site_with(tmp_path: Path, estate: str = "", camera: str = "") -> Path:
    text = SMALL_SITE.read_text(encoding="utf-8")
    text = text.replace("estate:\n", f"estate:\n  recorder_url: {estate}\n" if estate else "estate:\n", 1)
    text = text.replace(
        "{id: cam_plaza,", f"{{id: cam_plaza, recorder_url: '{camera}'," if camera else "{id: cam_plaza,"
    )
    file = tmp_path / "site.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_every_field_is_filled_in_and_encoded(tmp_path: Path) -> None:
    template = "'https://nvr.lan/play?cam={camera}&ms={ms}&s={s}&utc={utc}&local={local}'"
    link = load_site(_site_with(tmp_path, template)).recorder_link("cam_plaza", AT_MS)
    assert link is not None
    assert parse_qs(urlsplit(link).query) == {
        "cam": ["cam_plaza"],
        "ms": ["1716768000500"],
        "s": ["1716768000"],
        "utc": ["2024-05-27T00:00:00.500Z"],
        "local": ["2024-05-27T08:00:00"],
    }


def test_a_camera_has_its_own_and_an_unknown_one_has_none(tmp_path: Path) -> None:
    site = load_site(_site_with(tmp_path, "'http://nvr/{camera}'", "http://other/{camera}/{s}"))
    assert site.recorder_link("cam_plaza", AT_MS) == "http://other/cam_plaza/1716768000"
    assert site.recorder_link("cam_gate_west", AT_MS) == "http://nvr/cam_gate_west"
    assert site.recorder_link("plaza", AT_MS) is None
    assert load_site(SMALL_SITE).recorder_link("cam_plaza", AT_MS) is None


@pytest.mark.parametrize(
    "template",
    [
        "javascript:alert({s})",
        "http://nvr/{camera",
        "http://nvr/{password}",
        "http://nvr/{camera.__class__}",
        "http://nvr/{camera!r}",
        "http://nvr/{s:>99999999}",
        "http://nvr/{}",
        "http://nvr/{0}",
    ],
)
def test_a_wrong_template_is_told_with_its_line(tmp_path: Path, template: str) -> None:
    with pytest.raises(UserError, match=r"site\.yaml:4: estate\.recorder_url: .*expected a URL"):
        load_site(_site_with(tmp_path, f"'{template}'"))
