// `node --import .../skewed-clock.mjs?ms=3600000`: a program on a machine whose clock is wrong. Only what tells the time of day is moved.
const ms = Number(new URL(import.meta.url).searchParams.get("ms"));
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [RealDate.now() + ms] : given));
  }
  static now() {
    return RealDate.now() + ms;
  }
};
