// How long runs take. Browsers round their clocks to 0.1 or 1 ms, so single runs of small networks tell little, and their
// median not much more: what is shown is the mean of the middle half of the last runs.

const RUNS = 30;
const SECOND = 1000;

export class Timing {
  constructor() {
    this.reset();
  }

  reset() {
    this.runs = [];
    this.preparations = [];
    this.frames = [];
  }

  /** One answer: milliseconds of preparing the picture and of the run. */
  add(preparing, run) {
    keep(this.preparations, preparing);
    keep(this.runs, run);
    this.frames.push(performance.now());
    while (this.frames[0] < performance.now() - 2 * SECOND) this.frames.shift();
  }

  get latency() {
    return this.runs.length ? mean(this.runs) : null;
  }

  /** Frames a second: as counted over the last two seconds where `live`, else what one run after another would give. */
  rate(live) {
    if (!live) return this.runs.length ? SECOND / Math.max(mean(this.runs) + mean(this.preparations), 1e-3) : null;
    const span = this.frames.at(-1) - this.frames[0];
    return span > 0 ? ((this.frames.length - 1) * SECOND) / span : null;
  }
}

function keep(values, value) {
  values.push(value);
  if (values.length > RUNS) values.shift();
}

/** Of the middle half: a pause of the browser's is not the network's time. */
function mean(values) {
  const cut = Math.floor(values.length / 4);
  const middle = [...values].sort((a, b) => a - b).slice(cut, values.length - cut);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}
