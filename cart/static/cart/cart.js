// Quantities: plus and minus change the number in the field, and the field's change is what asks the server.
// Without this script each button of the cart is a plain form's submit button.

function step(button) {
  const field = button.parentElement.querySelector("input[type=number]");
  const before = field.value;
  const wanted = (Number.parseInt(field.value, 10) || 0) + Number(button.dataset.step);
  const least = Number(field.min || 0);
  const most = Number(field.max || 99);
  field.value = String(Math.min(most, Math.max(least, wanted)));
  if (field.value !== before) field.dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-quantities] [data-step]");
  if (!button) return;
  event.preventDefault();
  step(button);
});

// HTMX sends along the button that has the focus; where the number in the field has changed, the number is what counts.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.triggeringEvent?.type === "change") delete event.detail.parameters.to;
});

// A form that works shows it, and cannot be sent twice.
function busy(form, working) {
  for (const button of form.querySelectorAll("button:not([type=button])")) {
    if (working) button.setAttribute("aria-busy", "true");
    else button.removeAttribute("aria-busy");
  }
}
document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.target.closest("[data-busy]");
  if (!form) return;
  if (form.querySelector("[aria-busy=true]")) event.preventDefault();
  else busy(form, true);
});
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest("[data-busy]");
  if (form) busy(form, false);
});

// When the line that had the focus is gone, the cart itself takes it, so that the keyboard does not start over.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "cart" || document.activeElement !== document.body) return;
  const cart = document.getElementById("cart");
  cart.tabIndex = -1;
  cart.focus({ preventScroll: true });
});
