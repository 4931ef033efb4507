// From ink to the 8x8 cells of the bundled digits.
//
// Source: UCI "Optical Recognition of Handwritten Digits": bitmaps of 32x32, sized to the digit, whose ink is counted
// in blocks of 4x4. A cell is 0 (no ink) to 16 (all of it), here times 255/16.

const SIDE = 32;
const CELLS = 8;
const LINE = 4.5; // of 32: how thick the pens of that set were
const LEAST_INK = 0.002; // of a photo: less is dust
const MOST_INK = 0.35; // more is a shadow

/** Strokes (lists of [x, y]) as cells, or null where there is no ink. Their size and place do not matter. */
export function cellsOfStrokes(strokes) {
  const points = strokes.flat();
  if (!points.length) return null;
  const [left, top, right, bottom] = bounds(points);
  const room = SIDE - LINE;
  const scale = room / Math.max(right - left, bottom - top, 1);
  const pen = canvasOf(SIDE, SIDE);
  pen.translate((SIDE - (right - left) * scale) / 2, (SIDE - (bottom - top) * scale) / 2);
  pen.scale(scale, scale);
  pen.translate(-left, -top);
  trace(pen, strokes, LINE / scale);
  return count(pen);
}

/** Draw strokes with a round pen of that width, in the context's colour. */
export function trace(pen, strokes, width) {
  pen.lineWidth = width;
  pen.lineCap = pen.lineJoin = "round";
  for (const stroke of strokes) {
    pen.beginPath();
    pen.moveTo(...stroke[0]);
    for (const point of stroke) pen.lineTo(...point);
    pen.stroke();
  }
}

/** Cells of dark ink on light paper in a grey picture, or null where none is found: a digit before the camera. */
export function cellsOfPaper({ width, height, data }) {
  const ink = inkOn(width, height, data);
  const points = [];
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (ink[y * width + x]) points.push([x, y]);
  if (points.length < LEAST_INK * data.length || points.length > MOST_INK * data.length) return null;
  const [left, top, right, bottom] = bounds(points);
  const scale = SIDE / Math.max(right - left + 1, bottom - top + 1);
  const mask = canvasOf(width, height);
  const image = mask.createImageData(width, height);
  ink.forEach((on, index) => (image.data[4 * index + 3] = on ? 255 : 0));
  mask.putImageData(image, 0, 0);
  const pen = canvasOf(SIDE, SIDE);
  const [inkWidth, inkHeight] = [right - left + 1, bottom - top + 1];
  const [toWidth, toHeight] = [inkWidth * scale, inkHeight * scale];
  pen.imageSmoothingQuality = "high";
  pen.drawImage(mask.canvas, left, top, inkWidth, inkHeight, (SIDE - toWidth) / 2, (SIDE - toHeight) / 2, toWidth, toHeight);
  return count(pen);
}

/** Whether a picture is light at its border, as paper is; the bundled digits are dark there. */
export function isPaper({ width, height, data }) {
  const border = [];
  for (let x = 0; x < width; x++) border.push(data[x], data[(height - 1) * width + x]);
  for (let y = 0; y < height; y++) border.push(data[y * width], data[(y + 1) * width - 1]);
  return border.sort((a, b) => a - b)[border.length >> 1] > 96;
}

/** Where a pixel is clearly darker than its surroundings, so that shadows on the paper are no ink. */
function inkOn(width, height, data) {
  const sums = new Float64Array((width + 1) * (height + 1)); // of all pixels above and to the left
  for (let y = 0; y < height; y++) {
    for (let x = 0, line = 0; x < width; x++) {
      line += data[y * width + x];
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + line;
    }
  }
  const reach = Math.round(Math.min(width, height) / 3);
  const ink = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const [top, bottom] = [Math.max(y - reach, 0), Math.min(y + reach, height)];
    for (let x = 0; x < width; x++) {
      const [left, right] = [Math.max(x - reach, 0), Math.min(x + reach, width)];
      const at = (row, column) => sums[row * (width + 1) + column];
      const around = at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left);
      const mean = around / ((bottom - top) * (right - left));
      ink[y * width + x] = data[y * width + x] < 0.75 * mean - 8 ? 1 : 0;
    }
  }
  return ink;
}

function bounds(points) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    [left, top] = [Math.min(left, x), Math.min(top, y)];
    [right, bottom] = [Math.max(right, x), Math.max(bottom, y)];
  }
  return [left, top, right, bottom];
}

function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return canvas.getContext("2d", { willReadFrequently: true });
}

/** The ink of a 32x32 drawing, counted in blocks. */
function count(pen) {
  const { data } = pen.getImageData(0, 0, SIDE, SIDE);
  const block = SIDE / CELLS;
  const cells = new Float64Array(CELLS * CELLS);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      if (data[4 * (y * SIDE + x) + 3] >= 128) cells[Math.floor(y / block) * CELLS + Math.floor(x / block)]++;
    }
  }
  return { width: CELLS, height: CELLS, channels: 1, data: Uint8Array.from(cells, (ink) => Math.round(ink * (255 / 16))) };
}
