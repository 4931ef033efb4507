// From ink to the 8x8 cells of the bundled digits.
//
// Source: UCI "Optical Recognition of Handwritten Digits": bitmaps of 32x32, sized to the digit, whose ink is counted
// in blocks of 4x4. A cell is 0 (no ink) to 16 (all of it), here times 255/16.

const SIDE = 32;
const CELLS = 8;
const WIDEST = 20; // of 32: the set's digits fill the height, and hardly ever the outer columns of cells
const LINE = 6; // of 32: how thick its pens are; no class has less ink than 30 %
const ENOUGH_INK = 0.26; // thinner pens on paper are made thicker, up to this part of the square
const THICKENINGS = 3;
const LEAST_INK = 0.002; // of a photo: less is dust
const MOST_INK = 0.35; // more is a shadow

/** Strokes (lists of [x, y]) as cells, or null where there is no ink. Their size and place do not matter. */
export function cellsOfStrokes(strokes) {
  const points = strokes.flat();
  if (!points.length) return null;
  const [left, top, right, bottom] = bounds(points);
  const [across, down] = scales(right - left, bottom - top, WIDEST - LINE, SIDE - LINE);
  const [x0, y0] = [(SIDE - (right - left) * across) / 2, (SIDE - (bottom - top) * down) / 2];
  const pen = canvasOf(SIDE, SIDE);
  trace(pen, strokes.map((stroke) => stroke.map(([x, y]) => [x0 + (x - left) * across, y0 + (y - top) * down])), LINE);
  return count(inked(pen));
}

/** Factors that give something the whole height, in its own shape unless it would be too wide. */
function scales(width, height, room, roomDown) {
  const down = roomDown / Math.max(height, width / 2, 1);
  return [Math.min(down, room / Math.max(width, 1)), down];
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
  const [inkWidth, inkHeight] = [right - left + 1, bottom - top + 1];
  const [across, down] = scales(inkWidth, inkHeight, WIDEST, SIDE);
  const mask = canvasOf(width, height);
  const image = mask.createImageData(width, height);
  ink.forEach((on, index) => (image.data[4 * index + 3] = on ? 255 : 0));
  mask.putImageData(image, 0, 0);
  const pen = canvasOf(SIDE, SIDE);
  const [toWidth, toHeight] = [inkWidth * across, inkHeight * down];
  pen.imageSmoothingQuality = "high";
  pen.drawImage(mask.canvas, left, top, inkWidth, inkHeight, (SIDE - toWidth) / 2, (SIDE - toHeight) / 2, toWidth, toHeight);
  let bitmap = inked(pen, 64);
  for (let turn = 0; turn < THICKENINGS && sum(bitmap) < ENOUGH_INK * SIDE * SIDE; turn++) bitmap = thickened(bitmap);
  return count(bitmap);
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

/** A 32x32 drawing as a bitmap: 1 where it has ink of that opacity at least. */
function inked(pen, least = 128) {
  const { data } = pen.getImageData(0, 0, SIDE, SIDE);
  return Uint8Array.from({ length: SIDE * SIDE }, (_, index) => (data[4 * index + 3] >= least ? 1 : 0));
}

/** The bitmap and its neighbours above, below and beside. */
function thickened(bitmap) {
  return bitmap.map((on, index) => {
    const column = index % SIDE;
    return on || bitmap[index - SIDE] || bitmap[index + SIDE]
      || (column && bitmap[index - 1]) || (column < SIDE - 1 && bitmap[index + 1]) ? 1 : 0;
  });
}

function sum(bitmap) {
  return bitmap.reduce((total, on) => total + on, 0);
}

/** The ink of a bitmap, counted in blocks. */
function count(bitmap) {
  const block = SIDE / CELLS;
  const cells = new Float64Array(CELLS * CELLS);
  bitmap.forEach((on, index) => {
    const [x, y] = [index % SIDE, Math.floor(index / SIDE)];
    cells[Math.floor(y / block) * CELLS + Math.floor(x / block)] += on;
  });
  return { width: CELLS, height: CELLS, channels: 1, data: Uint8Array.from(cells, (ink) => Math.round(ink * (255 / 16))) };
}
