// The order's page while it waits: copying the Pix text, and no needless reading out while nothing changes.

for (const box of document.querySelectorAll("[data-copy]")) {
  const text = box.querySelector("textarea");
  const button = box.querySelector("button");
  const status = box.querySelector("[role=status]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.value);
    } catch {
      text.focus();
      text.select();
      document.execCommand("copy"); // Where the clipboard needs https, as on a phone that tries the demo.
    }
    status.textContent = box.dataset.copied;
  });
  text.addEventListener("focus", () => text.select());
}
