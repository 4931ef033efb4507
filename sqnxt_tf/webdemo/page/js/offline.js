// The site without a network: the worker that keeps it, and what is said of that. Browsers have it at https addresses and
// on localhost; elsewhere, and where a visitor forbids it, the page works as long as the network does.

const KEPT = "Works without a network from now on.";

export class Offline {
  constructor({ line, update }) {
    this.line = line;
    this.update = update;
    this.started = this.#start();
  }

  /** Have what was loaded so far kept: the model that is shown, and its runtime. */
  async keep() {
    if (!(await this.started)) return;
    const { active } = await navigator.serviceWorker.ready;
    const channel = new MessageChannel();
    channel.port1.onmessage = ({ data }) => {
      this.line.textContent = data ? KEPT : "";
    };
    const addresses = performance.getEntriesByType("resource").map((entry) => entry.name);
    active.postMessage({ keep: addresses }, [channel.port2]);
  }

  async #start() {
    if (!navigator.serviceWorker) return false;
    try {
      const worker = new URL("../service-worker.js", import.meta.url);
      const registration = await navigator.serviceWorker.register(worker, { updateViaCache: "none" });
      this.#offer(registration);
      registration.addEventListener("updatefound", () => {
        registration.installing.addEventListener("statechange", () => this.#offer(registration));
      });
      return true;
    } catch {
      return false;
    }
  }

  /** Offer a newer version that waits for this page to go. */
  #offer({ waiting, active }) {
    if (!waiting || !active) return;
    this.update.hidden = false;
    this.update.onclick = () => {
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      waiting.postMessage("take over");
    };
  }
}
