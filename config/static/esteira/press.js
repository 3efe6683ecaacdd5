// A press that ends in an error says so beside the control that was pressed, names the cause, keeps what was typed and
// offers to try again. One script for all pages; its texts are in esteira/press.html. Without it, error pages do this.

const texts = document.getElementById("press");
const notices = new WeakMap(); // by the element whose request failed
const repeated = new WeakSet(); // elements whose press has just been repeated with a new token
const misses = new WeakMap(); // failures in a row of an element that asks by itself
// One lost answer of a page that keeps asking is no news.
const MISSES_BEFORE_NOTICE = 3;
const RELOAD = new Set(["session", "forbidden", "gone", "refused"]);
let count = 0;

// --- The cause ------------------------------------------------------------------------------------------------------

function causeOf(answer) {
  const { status } = answer;
  if (status === 403 && answer.getResponseHeader("X-CSRFToken")) {
    return answer.getResponseHeader("X-Refused") === "cookies" || !navigator.cookieEnabled ? "cookies" : "session";
  }
  if (status === 403) return "forbidden";
  if (status === 404 || status === 410) return "gone";
  if (status === 429) return "wait";
  if (status === 502 || status === 503 || status === 504) return "away";
  return status >= 500 ? "broken" : "refused";
}

function lostCause() {
  return navigator.onLine ? "unreachable" : "offline";
}

function spoken(seconds) {
  const [amount, unit] = seconds > 90 ? [Math.ceil(seconds / 60), "minute"] : [seconds, "second"];
  return new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, unitDisplay: "long" }).format(amount);
}

// --- The notice -----------------------------------------------------------------------------------------------------

function describe(control, id, yes) {
  if (!control) return;
  const others = (control.getAttribute("aria-describedby") || "").split(" ").filter((part) => part && part !== id);
  if (yes) others.push(id);
  if (others.length) control.setAttribute("aria-describedby", others.join(" "));
  else control.removeAttribute("aria-describedby");
}

function clear(element) {
  const shown = notices.get(element);
  if (!shown) return;
  // Who pressed "try again" with the keyboard goes on where they were.
  if (shown.box.contains(document.activeElement) && shown.control?.isConnected) shown.control.focus({ preventScroll: true });
  describe(shown.control, shown.box.id, false);
  shown.box.remove();
  notices.delete(element);
}

function show(element, cause, { control, again, wait = 0 }) {
  clear(element);
  const box = texts.content.querySelector("[data-notice]").cloneNode(true);
  const text = texts.content.querySelector(`[data-cause="${cause}"]`).textContent;
  box.id = `press-${(count += 1)}`;
  box.querySelector("[data-text]").textContent = text.replace("{time}", spoken(wait));
  box.dataset.shows = cause;
  const retry = box.querySelector("[data-again]");
  const reload = box.querySelector("[data-reload]");
  retry.hidden = !again || RELOAD.has(cause);
  reload.hidden = !RELOAD.has(cause);
  if (wait) {
    retry.disabled = true;
    setTimeout(() => (retry.disabled = false), wait * 1000);
  }
  retry.addEventListener("click", () => again());
  reload.addEventListener("click", () => window.location.reload());
  element.after(box);
  notices.set(element, { box, control });
  describe(control, box.id, true);
  // A page that asks by itself must not jump while somebody reads it.
  if (again) box.scrollIntoView({ block: "nearest" });
}

// --- Presses that HTMX sends ----------------------------------------------------------------------------------------

// The same press once more: the same button, or the same change of the same field.
function pressOf({ elt, requestConfig }) {
  const event = requestConfig?.triggeringEvent;
  if (!event) return { control: null, again: null }; // it asks by itself
  const form = elt.closest("form");
  if (event.type === "submit" || !event.target?.isConnected) {
    const control = event.submitter?.isConnected ? event.submitter : form.querySelector("button:not([type=button])");
    return { control, again: () => form.requestSubmit(event.submitter?.isConnected ? event.submitter : undefined) };
  }
  return { control: event.target, again: () => event.target.dispatchEvent(new Event(event.type, { bubbles: true })) };
}

function failed(detail, cause, wait) {
  const press = pressOf(detail);
  repeated.delete(detail.elt);
  if (press.again) {
    show(detail.elt, cause, { ...press, wait });
    return;
  }
  const missed = (misses.get(detail.elt) || 0) + 1;
  misses.set(detail.elt, missed);
  if (cause === "gone") show(detail.elt, cause, press);
  else if (missed === MISSES_BEFORE_NOTICE) show(detail.elt, "watching", press);
}

// Signing in or out, in another tab too, changes the token of every page. Nothing was done: press again, once.
function repeatWithNewToken(detail) {
  const token = detail.xhr.getResponseHeader("X-CSRFToken");
  const press = pressOf(detail);
  if (detail.xhr.status !== 403 || !token || !press.again || repeated.has(detail.elt)) return false;
  for (const field of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) field.value = token;
  repeated.add(detail.elt);
  setTimeout(press.again); // HTMX first ends the request that failed
  return true;
}

document.addEventListener("htmx:responseError", ({ detail }) => {
  if (repeatWithNewToken(detail)) return;
  const wait = Number.parseInt(detail.xhr.getResponseHeader("Retry-After"), 10) || 0;
  failed(detail, causeOf(detail.xhr), detail.xhr.status === 429 ? Math.max(1, wait) : 0);
});
document.addEventListener("htmx:sendError", ({ detail }) => failed(detail, lostCause(), 0));
document.addEventListener("htmx:timeout", ({ detail }) => failed(detail, "timeout", 0));
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.requestConfig.triggeringEvent) clear(detail.elt);
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful) return;
  misses.delete(detail.elt);
  repeated.delete(detail.elt);
  clear(detail.elt);
});

// --- Forms that the browser sends -----------------------------------------------------------------------------------

// Offline, the browser would replace the page, and what was typed with it. Comes before every other listener.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (navigator.onLine) {
    clear(form);
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  const { submitter } = event;
  show(form, "offline", { control: submitter, again: () => form.requestSubmit(submitter) });
}, true);
