// While a report waits or is made, the list is fetched anew every two seconds.
"use strict";

const AGAIN_MS = 2000;

async function refresh() {
  const list = document.getElementById("reports");
  if (!list.hasAttribute("data-busy")) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const newer = page.getElementById("reports");
      if (newer && newer.innerHTML !== list.innerHTML) list.replaceWith(newer);
    }
  } catch {
    // the page is away: try again
  }
  setTimeout(refresh, AGAIN_MS);
}

setTimeout(refresh, AGAIN_MS);
