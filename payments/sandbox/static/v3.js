// A sandbox version of Stripe.js, with the part of its interface that the checkout page uses.
// Stripe(pk).elements({locale}).create("card").mount(selector) and stripe.createPaymentMethod({type, card, billing_details}).
"use strict";

(() => {
  const ORIGIN = new URL(document.currentScript.src).origin;
  let counter = 0;

  class CardElement {
    #frame = null;
    #ready = false;
    #waiting = [];
    #listeners = new Map();
    #answers = new Map();
    #address;

    constructor(key, options) {
      const query = new URLSearchParams({ pk: key, locale: options.locale || document.documentElement.lang || "" });
      this.#address = `${ORIGIN}/_sandbox/fields?${query}`;
      window.addEventListener("message", (event) => this.#receive(event));
    }

    mount(target) {
      const place = typeof target === "string" ? document.querySelector(target) : target;
      if (!place) throw new Error(`There is no element ${target} to mount the card fields in.`);
      this.unmount();
      const frame = document.createElement("iframe");
      frame.src = this.#address;
      frame.name = `card-fields-${(counter += 1)}`;
      frame.title = this.#address.includes("locale=en") ? "Card details" : "Dados do cartão";
      frame.setAttribute("allow", "payment *");
      Object.assign(frame.style, { border: "0", width: "100%", height: "190px", display: "block", colorScheme: "light dark" });
      frame.addEventListener("load", () => this.#post({ type: "hello" }));
      place.replaceChildren(frame);
      place.classList.add("StripeElement");
      this.#frame = frame;
      return this;
    }

    on(name, listener) {
      this.#listeners.set(name, [...(this.#listeners.get(name) || []), listener]);
      return this;
    }

    off(name) { this.#listeners.delete(name); return this; }
    focus() { this.#send({ type: "focus" }); }
    clear() { this.#send({ type: "clear" }); }
    update() { return this; }
    unmount() { this.#frame?.remove(); this.#frame = null; this.#ready = false; }
    destroy() { this.unmount(); this.#listeners.clear(); }

    createPaymentMethod(billing_details) {
      if (!this.#frame) return Promise.resolve({ error: { type: "invalid_request_error", message: "The card fields are not mounted." } });
      const id = (counter += 1);
      return new Promise((resolve) => {
        this.#answers.set(id, resolve);
        this.#send({ type: "createPaymentMethod", id, billing_details });
      });
    }

    #send(message) {
      if (this.#ready) this.#post(message);
      else this.#waiting.push(message);
    }

    #post(message) {
      this.#frame?.contentWindow?.postMessage({ target: "card-fields", ...message }, ORIGIN);
    }

    #receive(event) {
      if (!this.#frame || event.source !== this.#frame.contentWindow || event.origin !== ORIGIN) return;
      const message = event.data;
      if (!message || message.source !== "card-fields") return;
      if (message.type === "height") this.#frame.style.height = `${message.value}px`;
      if (message.type === "result") {
        this.#answers.get(message.id)?.(message.result);
        this.#answers.delete(message.id);
      }
      if (message.type === "ready" && !this.#ready) {
        this.#ready = true;
        this.#waiting.splice(0).forEach((waiting) => this.#post(waiting));
        this.#tell("ready", { elementType: "card" });
      }
      if (message.type === "change") this.#tell("change", { elementType: "card", ...message });
      if (message.type === "submit") this.#tell("submit", { elementType: "card" });
    }

    #tell(name, event) {
      (this.#listeners.get(name) || []).forEach((listener) => listener(event));
    }
  }

  window.Stripe = function Stripe(key) {
    if (typeof key !== "string" || !key.startsWith("pk_")) throw new Error("Stripe() needs a publishable key (pk_…).");
    return {
      elements: (options = {}) => ({
        create(type) {
          if (type !== "card") throw new Error("The sandbox has only the card element.");
          return new CardElement(key, options);
        },
      }),
      createPaymentMethod({ type, card, billing_details } = {}) {
        if (type !== "card" || !(card instanceof CardElement)) {
          return Promise.resolve({ error: { type: "invalid_request_error", message: "createPaymentMethod needs a mounted card element." } });
        }
        return card.createPaymentMethod(billing_details);
      },
    };
  };
  window.Stripe.version = 3;
})();
