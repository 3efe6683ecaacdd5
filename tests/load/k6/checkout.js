// Whole checkouts of LINES lines. With SECONDS: so many shoppers, one purchase after the other. Without: each buys once,
// all at once, the same product. FEW_CALLS=1: in as few calls as the shop offers.
import { basket, bought, buy, buyInFewCalls, offersWholeCarts, products, recorded } from './shop.js';

const shoppers = Number(__ENV.SHOPPERS);
const lines = Number(__ENV.LINES);
const rush = !__ENV.SECONDS;
const fewCalls = __ENV.FEW_CALLS === '1';

export const options = {
  scenarios: {
    checkout: rush
      ? { executor: 'per-vu-iterations', vus: shoppers, iterations: 1, maxDuration: '5m' }
      : { executor: 'constant-vus', vus: shoppers, duration: `${__ENV.SECONDS}s`, gracefulStop: '60s' },
  },
};

export function setup() {
  return { wholeCarts: fewCalls && offersWholeCarts() };
}

export default function (offered) {
  const goods = rush ? [products[0]] : basket(lines);
  recorded('checkout', () => bought(fewCalls ? buyInFewCalls(goods, offered) : buy(goods), lines));
}
