// Quantities: plus and minus change the number field, whose change event sends the request.
// Without this script each button of the cart is a plain submit button.

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

// HTMX includes the focused button in the request; on a change event, the number field wins.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.triggeringEvent?.type === "change") delete event.detail.parameters.to;
});

// Show that a form is being submitted, and prevent double submits.
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

// If the focused line was removed, move focus to the cart, so that keyboard users keep their place.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "cart" || document.activeElement !== document.body) return;
  const cart = document.getElementById("cart");
  cart.tabIndex = -1;
  cart.focus({ preventScroll: true });
});
