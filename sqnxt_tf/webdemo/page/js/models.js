// The choice between models, and what is known of the chosen one.

/** One radio button a model; none where there is no choice. */
export function modelChoices(fieldset, models, use) {
  fieldset.hidden = models.length < 2;
  models.forEach((entry, index) => {
    const choice = document.createElement("label");
    const button = Object.assign(document.createElement("input"), { type: "radio", name: "model", checked: !index });
    const size = document.createElement("small");
    button.addEventListener("change", () => use(entry));
    size.textContent = megabytes(entry.bytes);
    choice.title = entry.path;
    choice.append(button, entry.title, " ", size);
    fieldset.append(choice);
  });
}

/** The chosen model in one line, and what was assumed of it. */
export function describe(place, entry) {
  const { height, width, channels } = entry.preprocessing;
  const parts = [
    entry.network,
    entry.precision,
    entry.format === "tflite" ? "LiteRT.js" : "onnxruntime-web",
    `${height}×${width} ${channels === 1 ? "grey" : "RGB"}`,
    megabytes(entry.bytes),
    entry.accuracy === null ? "" : `${(100 * entry.accuracy).toFixed(1)} % right on ${entry.data} before export`,
  ];
  place.textContent = [parts.filter(Boolean).join(" · "), ...entry.notes].join(" — ");
}

function megabytes(bytes) {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
