// The card fields in the provider's own frame: what is typed here goes only to the provider.
"use strict";

(() => {
  const TEXTS = {
    pt: {
      title: "Dados do cartão", number: "Número do cartão", expiry: "Validade (MM/AA)", cvc: "Código de segurança", placeholder: "MM/AA",
      incomplete_number: "Digite o número do cartão, com todos os dígitos.", incorrect_number: "Esse número de cartão não existe. Confira os dígitos.",
      invalid_expiry: "Digite a validade como no cartão: mês e ano.", past_expiry: "Esse cartão está vencido. Use outro.",
      invalid_cvc: "Digite os 3 ou 4 números do código de segurança.", unreachable: "Não deu para falar com o serviço de pagamento. Tente de novo.",
    },
    en: {
      title: "Card details", number: "Card number", expiry: "Expiry date (MM/YY)", cvc: "Security code", placeholder: "MM/YY",
      incomplete_number: "Enter the card number with all its digits.", incorrect_number: "This card number is not valid. Please check the digits.",
      invalid_expiry: "Enter the expiry date as on the card: month and year.", past_expiry: "This card has expired. Please use another one.",
      invalid_cvc: "Enter the 3 or 4 digits of the security code.", unreachable: "The payment service could not be reached. Please try again.",
    },
  };
  const SERVER_FIELDS = { number: "number", exp_month: "expiry", exp_year: "expiry", cvc: "cvc" };
  const SERVER_CODES = { incorrect_number: "incorrect_number", invalid_expiry_month: "invalid_expiry", invalid_expiry_year: "past_expiry", invalid_cvc: "invalid_cvc" };

  const query = new URLSearchParams(location.search);
  const language = (query.get("locale") || navigator.language || "pt").toLowerCase().startsWith("en") ? "en" : "pt";
  const say = TEXTS[language];
  const field = (name) => document.getElementById(name);
  const digits = (text) => text.replace(/\D/g, "");
  const touched = new Set();
  let parentOrigin = "*";

  const tell = (message) => window.parent.postMessage({ source: "card-fields", ...message }, parentOrigin);

  function luhn(number) {
    let sum = 0;
    [...number].reverse().forEach((digit, position) => {
      const value = Number(digit) * (1 + (position % 2));
      sum += value > 9 ? value - 9 : value;
    });
    return sum % 10 === 0;
  }

  function expiry() {
    const typed = field("expiry").value.trim();
    const parts = /[^\d]/.test(typed) ? typed.split(/\D+/).filter(Boolean) : [typed.slice(0, 2), typed.slice(2)];
    const month = Number(parts[0]);
    const year = Number(parts[1]);
    if (!parts[1] || !/^\d{2}(\d{2})?$/.test(parts[1]) || !(month >= 1 && month <= 12)) return null;
    return { month, year: year < 100 ? 2000 + year : year };
  }

  const checks = {
    number() {
      const number = digits(field("number").value);
      if (number.length < 12) return "incomplete_number";
      return luhn(number) ? "" : "incorrect_number";
    },
    expiry() {
      const date = expiry();
      if (!date) return "invalid_expiry";
      const now = new Date();
      return date.year * 12 + date.month < now.getFullYear() * 12 + now.getMonth() + 1 ? "past_expiry" : "";
    },
    cvc: () => (/^\d{3,4}$/.test(digits(field("cvc").value)) ? "" : "invalid_cvc"),
  };

  function show(name, problem) {
    field(name).setAttribute("aria-invalid", problem ? "true" : "false");
    field(`${name}-error`).textContent = problem ? say[problem] : "";
    resize();
  }

  const resize = () => tell({ type: "height", value: Math.ceil(document.body.getBoundingClientRect().height) });

  function changed() {
    const problems = Object.values(checks).map((check) => check());
    const shown = [...touched].map((name) => checks[name]()).find(Boolean);
    tell({
      type: "change",
      complete: problems.every((problem) => !problem),
      empty: Object.keys(checks).every((name) => !field(name).value),
      error: shown ? { type: "validation_error", code: shown, message: say[shown] } : undefined,
    });
  }

  function validateAll() {
    const wrong = Object.keys(checks).filter((name) => {
      touched.add(name);
      const problem = checks[name]();
      show(name, problem);
      return problem;
    });
    if (wrong.length) field(wrong[0]).focus();
    return wrong[0];
  }

  async function createPaymentMethod(billing) {
    const wrong = validateAll();
    if (wrong) return { error: { type: "validation_error", code: checks[wrong](), message: say[checks[wrong]()] } };
    const date = expiry();
    const form = new URLSearchParams({
      type: "card",
      "card[number]": digits(field("number").value),
      "card[exp_month]": String(date.month),
      "card[exp_year]": String(date.year),
      "card[cvc]": digits(field("cvc").value),
    });
    for (const [key, value] of Object.entries(billing || {})) {
      if (typeof value === "string" && value) form.set(`billing_details[${key}]`, value);
    }
    try {
      const answer = await fetch("/v1/payment_methods", {
        method: "POST", body: form, headers: { Authorization: `Bearer ${query.get("pk") || ""}` },
      });
      const document_ = await answer.json();
      if (answer.ok) return { paymentMethod: document_ };
      const name = SERVER_FIELDS[document_.error.param];
      const problem = SERVER_CODES[document_.error.code];
      if (name && problem) show(name, problem);
      return { error: { ...document_.error, message: problem ? say[problem] : document_.error.message } };
    } catch {
      return { error: { type: "api_connection_error", message: say.unreachable } };
    }
  }

  window.addEventListener("message", async (event) => {
    if (event.source !== window.parent || !event.data || event.data.target !== "card-fields") return;
    parentOrigin = event.origin;
    const { type, id } = event.data;
    if (type === "hello") { tell({ type: "ready" }); resize(); }
    if (type === "focus") field("number").focus();
    if (type === "clear") { document.getElementById("card").reset(); touched.clear(); Object.keys(checks).forEach((name) => show(name, "")); changed(); }
    if (type === "createPaymentMethod") tell({ type: "result", id, result: await createPaymentMethod(event.data.billing_details) });
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.documentElement.lang = language === "en" ? "en" : "pt-BR";
    document.title = say.title;
    document.querySelectorAll("[data-text]").forEach((label) => { label.textContent = say[label.dataset.text]; });
    field("expiry").placeholder = say.placeholder;
    Object.keys(checks).forEach((name) => {
      field(name).addEventListener("input", () => { if (touched.has(name)) show(name, checks[name]()); changed(); });
      field(name).addEventListener("blur", () => {
        if (!field(name).value) return;
        touched.add(name);
        show(name, checks[name]());
        changed();
      });
    });
    field("number").addEventListener("blur", () => {
      field("number").value = digits(field("number").value).replace(/(.{4})(?=.)/g, "$1 ");
    });
    document.getElementById("card").addEventListener("submit", (event) => { event.preventDefault(); tell({ type: "submit" }); });
    new ResizeObserver(resize).observe(document.body);
    tell({ type: "ready" });
  });
})();
