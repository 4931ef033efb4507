// Pictures that are chosen, dropped anywhere on the page, or pasted. Upright by their EXIF mark; glass is laid on white.

import { cellsOfPaper, isPaper } from "./ink.js";
import { fromRgba, spread } from "./pixels.js";

const LARGEST_SIDE = 2048; // larger ones are halved by the browser first: phones limit a page's memory

export class Images {
  live = false;
  hint = "Choose a picture, or drop or paste one.";

  constructor({ canvas, input, target }, { changed, arrived }) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { willReadFrequently: true });
    this.changed = changed;
    this.arrived = arrived; // a picture came: whoever shows sources should show this one
    input.addEventListener("change", () => {
      this.#open(input.files);
      input.value = ""; // the same file can be chosen again
    });
    target.addEventListener("dragover", (event) => event.preventDefault());
    target.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#open(event.dataTransfer.files);
    });
    target.addEventListener("paste", (event) => this.#open(event.clipboardData.files));
  }

  show() {
    this.changed();
  }

  hide() {}

  /** The picture; where a model of the bundled digits is shown light paper, the ink on it. */
  picture({ digits, preprocessing: { channels } }) {
    if (!this.loaded) return null;
    const pixels = this.pen.getImageData(0, 0, this.canvas.width, this.canvas.height);
    if (digits) {
      const grey = fromRgba(pixels, 1);
      const cells = isPaper(grey) ? cellsOfPaper(grey) : null;
      if (cells) return spread(cells, channels);
    }
    return fromRgba(pixels, channels);
  }

  async #open([file]) {
    if (!file) return;
    try {
      const plain = { imageOrientation: "from-image", colorSpaceConversion: "none" };
      const image = await createImageBitmap(file, plain);
      const scale = Math.min(LARGEST_SIDE / Math.max(image.width, image.height), 1);
      this.canvas.width = Math.max(Math.round(image.width * scale), 1);
      this.canvas.height = Math.max(Math.round(image.height * scale), 1);
      this.pen.fillStyle = "white";
      this.pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
      this.pen.imageSmoothingQuality = "high";
      this.pen.drawImage(image, 0, 0, this.canvas.width, this.canvas.height);
      image.close();
      this.loaded = true;
    } catch {
      this.loaded = false;
      this.hint = `${file.name}: the browser cannot read this picture. Try a JPEG or PNG.`;
    }
    this.arrived();
  }
}
