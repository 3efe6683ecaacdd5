// The order page while it awaits payment: copies the Pix code.

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
      document.execCommand("copy"); // The clipboard API needs https, which the demo lacks on a phone.
    }
    status.textContent = box.dataset.copied;
  });
  text.addEventListener("focus", () => text.select());
}
