// Keeps the site for visits without a network. `webdemo` writes a line above this one: SITE, with the version of all files
// together, and the files of the page. Models and runtimes are kept when they are first used, as a visitor needs few of them.
//
// A version has a cache of its own and is served from it alone, so that its parts fit together. A newer one waits until
// no page of the old one is open, or a page asks for it.

const PREFIX = `sqnxt-tf ${self.registration.scope} `; // one host may have several sites
const CACHE = PREFIX + SITE.version;
const LARGE = /^(models|runtimes)\//;

self.addEventListener("install", (event) => event.waitUntil(keepPage()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && pathOf(event.request.url) !== null) event.respondWith(answer(event.request));
});
self.addEventListener("message", (event) => {
  if (event.data === "take over") self.skipWaiting();
  else if (Array.isArray(event.data?.keep)) event.waitUntil(keep(event.data.keep, event.ports[0]));
});

/** The path within the site, or null for another site's address. */
function pathOf(address) {
  const { origin, pathname } = new URL(address);
  const whole = origin + pathname;
  return whole.startsWith(self.registration.scope) ? whole.slice(self.registration.scope.length) : null;
}

async function keepPage() {
  const cache = await caches.open(CACHE);
  await cache.addAll(["./", ...SITE.files].map((path) => new Request(path, { cache: "reload" }))); // not what HTTP kept
}

async function takeOver() {
  const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.mode === "navigate" && !pathOf(request.url).includes("/") ? "./" : request);
  if (kept) return kept;
  const fresh = await fetch(request);
  if (fresh.status === 200 && LARGE.test(pathOf(request.url))) {
    cache.put(request, fresh.clone()).catch(() => {}); // a full disk costs the visit without a network, not this one
  }
  return fresh;
}

/** Keep what a page loaded before this worker could see it, and say whether it is all there. */
async function keep(addresses, port) {
  const cache = await caches.open(CACHE);
  const wanted = addresses.filter((address) => LARGE.test(pathOf(address) ?? ""));
  try {
    for (const address of wanted) if (!(await cache.match(address))) await cache.add(address);
    port.postMessage(true);
  } catch {
    port.postMessage(false);
  }
}
