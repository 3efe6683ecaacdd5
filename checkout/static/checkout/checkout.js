// The checkout page: validates fields on blur, fills in the street from a CEP, keeps typed values across a reload, and
// sends card details to the provider through its own fields. Without this file every form works except the card's.

// --- One click, one request -----------------------------------------------------------------------------------------

function working(form, yes, pressed) {
  form.dataset.sent = yes ? "yes" : "";
  if (yes) (pressed || form.querySelector("[data-once]"))?.setAttribute("aria-busy", "true");
  else for (const button of form.querySelectorAll("[data-once]")) button.removeAttribute("aria-busy");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.querySelector("[data-once]")) return;
  if (form.dataset.sent === "yes") {
    event.preventDefault();
    event.stopImmediatePropagation();
  } else if (!form.hasAttribute("data-pay")) {
    working(form, true, event.submitter);
  }
}, true);

// A page restored from the back/forward cache can be submitted again.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form")) working(form, false);
});

// --- Fields are validated on blur -------------------------------------------------------------------------------------

function complaint(field) {
  if (field.validity.valueMissing) return field.dataset.missing || field.validationMessage;
  if (!field.validity.valid) return field.dataset.wrong || field.validationMessage;
  return "";
}

function show(field, message) {
  const box = field.closest("[data-field]");
  if (!box) return;
  const id = `${field.id}_error`;
  let note = document.getElementById(id);
  const described = (field.getAttribute("aria-describedby") || "").split(" ").filter((part) => part && part !== id);
  if (!message) {
    if (note) note.remove();
    field.removeAttribute("aria-invalid");
  } else {
    if (!note) {
      note = document.createElement("p");
      note.className = "field__error";
      note.id = id;
      box.append(note);
    }
    note.textContent = message;
    field.setAttribute("aria-invalid", "true");
    described.push(id);
  }
  if (described.length) field.setAttribute("aria-describedby", described.join(" "));
  else field.removeAttribute("aria-describedby");
}

for (const form of document.querySelectorAll("form[data-check]")) {
  const touched = new WeakSet();
  form.addEventListener("input", (event) => {
    touched.add(event.target);
    if (event.target.getAttribute("aria-invalid") === "true" && !complaint(event.target)) show(event.target, "");
  });
  form.addEventListener("focusout", (event) => {
    if (touched.has(event.target)) show(event.target, complaint(event.target));
  });
}

// --- Typed values survive a reload --------------------------------------------------------------------------------------

for (const form of document.querySelectorAll("form[data-keep]")) {
  const key = `esteira:${form.dataset.keep}`;
  const fields = [...form.elements].filter((field) => field.name && !["hidden", "submit", "password"].includes(field.type));
  try {
    const kept = JSON.parse(sessionStorage.getItem(key) || "{}");
    for (const field of fields) if (!field.value && kept[field.name]) field.value = kept[field.name];
    form.addEventListener("input", () => {
      sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(fields.map((field) => [field.name, field.value]))));
    });
  } catch {
    // Storage may be blocked; the form works without it.
  }
}

// --- The street from a CEP -----------------------------------------------------------------------------------------------

const address = document.querySelector("form[data-cep-url]");
if (address) {
  const cep = address.elements.postal_code;
  const status = document.getElementById("cep-status");
  const filled = new Map();
  let asked = "";

  const fill = (name, value) => {
    const field = address.elements[name];
    if (!value || (field.value && field.value !== filled.get(name))) return;
    field.value = value;
    filled.set(name, value);
    show(field, "");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const look = async () => {
    const digits = cep.value.replace(/\D/g, "");
    if (digits.length !== 8 || digits === asked) return;
    asked = digits;
    try {
      const answer = await fetch(`${address.dataset.cepUrl}?postal_code=${digits}`, { headers: { Accept: "application/json" } });
      const hint = await answer.json();
      if (asked !== digits) return;
      if (!answer.ok) {
        show(cep, hint.error);
        return;
      }
      show(cep, "");
      for (const name of ["street", "district", "city", "state"]) fill(name, hint[name]);
      if (hint.street) status.textContent = address.dataset.cepFound;
      else status.textContent = hint.unknown || (hint.town_wide ? address.dataset.cepTown : address.dataset.cepPart);
      // On to what is missing, unless the shopper has moved on already.
      const next = [hint.street ? "number" : "", hint.town_wide ? "street" : ""].find(Boolean);
      if (next && document.activeElement === cep && !address.elements[next].value) address.elements[next].focus();
    } catch {
      asked = ""; // Unavailable: the shopper types the address.
    }
  };

  cep.addEventListener("input", look);
  cep.addEventListener("blur", () => {
    const digits = cep.value.replace(/\D/g, "");
    if (digits.length === 8) cep.value = `${digits.slice(0, 5)}-${digits.slice(5)}`;
  });
  if (!address.elements.street.value) look();
}

// --- Card details go straight to the provider ------------------------------------------------------------------------------

const payForm = document.querySelector("form[data-pay]");

function providerReady() {
  if (window.Stripe) return Promise.resolve(window.Stripe);
  const script = document.querySelector("script[async][src]");
  return new Promise((resolve, reject) => {
    if (!script) return reject(new Error("no script"));
    script.addEventListener("load", () => (window.Stripe ? resolve(window.Stripe) : reject(new Error("empty"))));
    script.addEventListener("error", reject);
    setTimeout(() => (window.Stripe ? resolve(window.Stripe) : reject(new Error("late"))), 15000);
  });
}

function cardError(message) {
  const note = document.getElementById("card-error");
  note.textContent = message;
  note.hidden = !message;
}

async function cardFields(form) {
  const Stripe = await providerReady();
  const stripe = Stripe(form.dataset.key);
  const card = stripe.elements({ locale: form.dataset.locale }).create("card", { hidePostalCode: true });
  const box = document.getElementById("card-fields");
  card.mount("#card-fields");
  card.on("focus", () => box.classList.add("card-fields--focused"));
  card.on("blur", () => box.classList.remove("card-fields--focused"));
  card.on("change", (event) => cardError(event.error ? event.error.message : ""));
  return { stripe, card };
}

async function pay(form, fields) {
  working(form, true);
  const status = document.getElementById("pay-status");
  status.textContent = form.dataset.waiting;
  try {
    if (form.elements.method.value === "card") {
      const { stripe, card } = await fields;
      const details = { email: form.dataset.email, name: form.dataset.name };
      const made = await stripe.createPaymentMethod({ type: "card", card, billing_details: details });
      if (made.error) throw made.error;
      form.elements.payment_method.value = made.paymentMethod.id;
    }
    form.submit();
  } catch (error) {
    cardError((error && error.type && error.message) || form.dataset.away);
    document.getElementById("card-error").scrollIntoView({ block: "center" });
    status.textContent = "";
    working(form, false);
  }
}

if (payForm) {
  // Without a place for them, cards are closed.
  const fields = document.getElementById("card-fields") ? cardFields(payForm) : Promise.resolve({});
  fields.catch(() => cardError(payForm.dataset.away));
  payForm.addEventListener("submit", (event) => {
    event.preventDefault();
    pay(payForm, fields);
  });
}

// Focus the errors of a page that came back with some.
const errors = document.getElementById("errors");
if (errors) errors.focus();
