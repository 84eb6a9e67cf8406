// Hands the frame a guest's token, as @superset-ui/embedded-sdk does, and a new one before it ends.
const RENEW_MS = 4 * 60 * 1000;
const frame = document.querySelector("iframe");
const { superset, embedded } = frame.dataset;

async function hand(port) {
  const { token } = await (await fetch("token")).json();
  port.postMessage({ switchboardAction: "emit", method: "guestToken", args: { guestToken: token } });
}

frame.addEventListener("load", () => {
  const { port1, port2 } = new MessageChannel();
  frame.contentWindow.postMessage({ type: "__embedded_comms__", handshake: "port transfer" }, superset, [port2]);
  port1.start();
  hand(port1);
  setInterval(hand, RENEW_MS, port1);
});
frame.src = `${superset}/embedded/${embedded}?uiConfig=0`;
