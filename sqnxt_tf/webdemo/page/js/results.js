// What is said of an answer: the best classes with bars, how long it took, and what the network saw.

const MOST_ROWS = 5;
const FURTHEST_SUM = 0.5; // from 1: rounding to eight bits moves the sum of many probabilities; as `classify` has it

/** Outputs as probabilities; those of a model that ends in a softmax are some already. */
export function probabilities(outputs) {
  const sum = outputs.reduce((total, value) => total + value, 0);
  const isPart = (value) => value >= 0 && value <= 1;
  if (Math.abs(sum - 1) <= FURTHEST_SUM && outputs.every(isPart)) return Array.from(outputs);
  const most = Math.max(...outputs);
  const powers = Array.from(outputs, (value) => Math.exp(value - most));
  const total = powers.reduce((left, right) => left + right, 0);
  return powers.map((value) => value / total);
}

export class Results {
  constructor({ best, list, hint, preview, latency, rate, rateName }) {
    Object.assign(this, { best, list, hint, preview, latency, rate, rateName });
  }

  /** Nothing to answer: say what to do. */
  clear(hint) {
    this.best.textContent = "–";
    this.hint.textContent = hint;
    this.list.replaceChildren();
    this.preview.hidden = true;
  }

  /** A line beside an answer, which stays. */
  say(line) {
    this.hint.textContent = line;
  }

  /** The best classes of `outputs`; rows stay in place, so that bars move. */
  show(outputs, labels) {
    const parts = probabilities(outputs);
    const order = parts.map((_, index) => index).sort((a, b) => parts[b] - parts[a] || a - b);
    this.best.textContent = labels[order[0]];
    this.best.classList.toggle("long", labels[order[0]].length > 4);
    this.hint.textContent = "";
    const rows = Math.min(MOST_ROWS, order.length);
    while (this.list.children.length > rows) this.list.lastChild.remove();
    while (this.list.children.length < rows) this.list.append(emptyRow());
    for (const [place, row] of [...this.list.children].entries()) {
      const index = order[place];
      const [label, bar, figure] = row.children;
      label.textContent = label.title = labels[index];
      bar.firstChild.style.width = `${100 * parts[index]}%`;
      figure.textContent = `${(100 * parts[index]).toFixed(1)} %`;
    }
  }

  /** The picture at the model's size, one dot a pixel. */
  showSeen({ width, height, channels, data }) {
    const image = new ImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel++) {
      for (let channel = 0; channel < 3; channel++) {
        image.data[4 * pixel + channel] = data[pixel * channels + (channels === 1 ? 0 : channel)];
      }
      image.data[4 * pixel + 3] = 255;
    }
    [this.preview.width, this.preview.height] = [width, height];
    this.preview.getContext("2d").putImageData(image, 0, 0);
    this.preview.hidden = false;
  }

  /** Milliseconds of one run; frames a second, counted where the source is live and else what they would allow. */
  showSpeed(milliseconds, framesPerSecond, live) {
    this.latency.textContent = milliseconds === null ? "–" : short(milliseconds);
    this.rate.textContent = framesPerSecond === null ? "–" : short(framesPerSecond);
    this.rateName.textContent = live ? "frames / s" : "frames / s possible";
  }
}

function emptyRow() {
  const row = document.createElement("li");
  for (const name of ["label", "bar", "figure"]) {
    const part = document.createElement("span");
    part.className = name;
    row.append(part);
  }
  row.children[1].append(document.createElement("span"));
  return row;
}

function short(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
