// From a picture to a model's input, by the preprocessing that the artifact carries.

import { fit } from "./pixels.js";

/** What the network sees: the picture at the model's size. */
export function seen(picture, { preprocessing }) {
  return fit(picture, preprocessing.width, preprocessing.height, preprocessing.resize);
}

/** The model's input: (value - mean) / scale per channel, in its layout; the pixels themselves where it takes those. */
export function toInput(picture, { preprocessing, input, layout }) {
  const { channels, mean, scale } = preprocessing;
  const values = input === "uint8" ? new Uint8Array(picture.data.length) : new Float32Array(picture.data.length);
  const pixels = picture.width * picture.height;
  const [pixelStep, channelStep] = layout === "NCHW" ? [1, pixels] : [channels, 1];
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < channels; channel++) {
      const value = picture.data[pixel * channels + channel];
      values[pixel * pixelStep + channel * channelStep] =
        input === "uint8" ? value : (value - mean[channel]) / scale[channel];
    }
  }
  return values;
}

/** The shape of one image in the model's layout. */
export function inputShape({ preprocessing: { height, width, channels }, layout }) {
  return layout === "NCHW" ? [1, channels, height, width] : [1, height, width, channels];
}
