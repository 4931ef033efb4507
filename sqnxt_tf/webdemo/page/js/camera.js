// The camera: its middle square, frame after frame, in this page only.

import { cellsOfPaper, isPaper } from "./ink.js";
import { fromRgba, spread } from "./pixels.js";

const SIDE = 480; // no model that runs live needs more
const REASONS = {
  NotAllowedError: "The browser does not let this page use the camera: allow it in the address bar.",
  NotFoundError: "No camera was found.",
  NotReadableError: "Another program uses the camera.",
};

export class Camera {
  live = true;

  constructor({ video, flip }, changed) {
    this.video = video;
    this.changed = changed;
    this.facing = "environment";
    this.frame = document.createElement("canvas");
    this.frame.width = this.frame.height = SIDE;
    this.pen = this.frame.getContext("2d", { willReadFrequently: true });
    flip.addEventListener("click", () => {
      this.facing = this.facing === "environment" ? "user" : "environment";
      this.show();
    });
  }

  async show() {
    this.hide();
    const turn = (this.turn = {}); // a later show() or hide() makes this one stale
    this.hint = "Waiting for the camera.";
    this.changed();
    if (!navigator.mediaDevices) {
      return this.#fail("Browsers give the camera to https addresses and to localhost only.");
    }
    try {
      const wanted = { facingMode: this.facing, width: { ideal: 640 }, height: { ideal: 480 } };
      const stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
      if (turn !== this.turn) return stop(stream);
      for (const track of stream.getTracks()) track.addEventListener("ended", () => this.#lose(turn)); // pulled out
      this.video.srcObject = stream;
      this.video.classList.toggle("mirrored", this.facing === "user");
      await this.video.play();
      if (turn === this.turn) this.#follow(turn);
    } catch (error) {
      if (turn === this.turn) this.#fail(REASONS[error.name] ?? `The camera does not start: ${error.message}`);
    }
  }

  hide() {
    this.turn = null;
    if (this.video.srcObject) stop(this.video.srcObject);
    this.video.srcObject = null;
  }

  /** The middle square of the frame that is there; for models of the bundled digits, the ink on it. */
  picture({ digits, preprocessing: { channels } }) {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width || !this.video.srcObject) return null;
    const side = Math.min(width, height);
    this.pen.drawImage(this.video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE, SIDE);
    const frame = this.pen.getImageData(0, 0, SIDE, SIDE);
    if (!digits) return fromRgba(frame, channels);
    const grey = fromRgba(frame, 1);
    const cells = isPaper(grey) ? cellsOfPaper(grey) : null;
    this.hint = "Hold one digit, dark on light paper, into the square.";
    return cells && spread(cells, channels);
  }

  /** Tell of every new frame; where the browser does not say when there is one, of every screen refresh. */
  #follow(turn) {
    const next = (call) => this.video.requestVideoFrameCallback?.(call) ?? requestAnimationFrame(call);
    const tick = async () => {
      if (turn !== this.turn) return;
      await this.changed();
      next(tick);
    };
    next(tick);
  }

  #lose(turn) {
    if (turn !== this.turn) return;
    this.hide();
    this.#fail("The camera has gone. Choose it again when it is back.");
  }

  #fail(reason) {
    this.hint = reason;
    this.changed();
  }
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}
