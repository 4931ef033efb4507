// A pad to draw on. Strokes are kept as points, so that any model gets them in its own way.

import { cellsOfStrokes, trace } from "./ink.js";
import { fromRgba, spread } from "./pixels.js";
import { fromFragment, toFragment } from "./sharing.js";

const PAD = 280; // the pad's own units, whatever its size on the screen
const PEN = 18;

export class Drawing {
  live = false;
  hint = "Waiting for a drawing.";

  constructor({ canvas, undo, clear }, changed) {
    this.canvas = canvas;
    this.strokes = [];
    this.changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => this.#up(event));
    }
    undo.addEventListener("click", () => this.#set(this.strokes.slice(0, -1)));
    clear.addEventListener("click", () => this.#set([]));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#redraw());
    new ResizeObserver(() => this.#redraw()).observe(canvas);
  }

  show() {
    this.#redraw();
    this.changed();
  }

  hide() {
    this.current = null; // a stroke that goes on out of sight would keep the next one from beginning
  }

  /** What was drawn: as cells for models of the bundled digits, else black on white. Null where nothing was. */
  picture({ digits, preprocessing: { channels } }) {
    if (!this.strokes.length) return null;
    if (digits) return spread(cellsOfStrokes(this.strokes), channels);
    const sheet = document.createElement("canvas");
    sheet.width = sheet.height = PAD;
    const pen = sheet.getContext("2d");
    pen.fillStyle = "white";
    pen.fillRect(0, 0, PAD, PAD);
    trace(pen, this.strokes, PEN);
    return fromRgba(pen.getImageData(0, 0, PAD, PAD), channels);
  }

  /** The drawing as the part of an address after the #; "" where there is none, or too much. */
  get fragment() {
    return toFragment(this.strokes, PAD);
  }

  /** Draw what a fragment holds; false where it holds no drawing. */
  open(fragment) {
    const strokes = fromFragment(fragment, PAD);
    if (strokes) this.#set(strokes);
    return Boolean(strokes);
  }

  #set(strokes) {
    this.strokes = strokes;
    this.#redraw();
    this.changed();
  }

  #down(event) {
    if (event.button || this.current) return; // one finger draws: the ball of a hand beside it does not
    event.preventDefault();
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.current = [this.#point(event)];
    this.#set([...this.strokes, this.current]);
  }

  #move(event) {
    if (!this.current || event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const part of events.length ? events : [event]) this.current.push(this.#point(part));
    this.#redraw();
    this.changed();
  }

  #up(event) {
    if (event.pointerId === this.pointer) this.current = null;
  }

  #point(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [((event.clientX - left) / width) * PAD, ((event.clientY - top) / height) * PAD];
  }

  /** The strokes in the page's ink, at the screen's resolution. */
  #redraw() {
    this.canvas.classList.toggle("empty", !this.strokes.length);
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (!side) return;
    this.canvas.width = this.canvas.height = side;
    const pen = this.canvas.getContext("2d");
    pen.scale(side / PAD, side / PAD);
    pen.strokeStyle = getComputedStyle(this.canvas).color;
    trace(pen, this.strokes, PEN);
  }
}
