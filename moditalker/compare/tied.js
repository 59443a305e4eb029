// Ties the videos of a row together: play, pause, seek, loop, the sound of one, the difference to the portrait.
// tieVideos({bar, root, portrait}): `bar` holds the controls by their data-role, `root` the videos, which may come and
// go, and portrait() is the address of the picture, or null.
function tieVideos({ bar, root, portrait }) {
  const role = (name) => bar.querySelector(`[data-role="${name}"]`);
  const play = role("play"), seek = role("seek"), time = role("time");
  const loop = role("loop"), sound = role("sound"), difference = role("difference");
  const NEAR = 0.02, FAR = 1.5;  // seconds
  const BEAT = 100, PATIENCE = 5000;  // milliseconds

  // Tied a second time, when the page drew its controls anew: what the first time left must go.
  root.tied?.abort();
  root.tied = new AbortController();
  const { signal } = root.tied;
  const known = new WeakSet();
  let turns = 0, moving = false, playing = false, anew = 0;

  const videos = () => [...root.querySelectorAll("video")].filter((video) => video.currentSrc || video.src);
  const leader = () => videos()[Number(sound.value)] ?? videos()[0];
  const written = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;

  const placed = (video, moment) =>
    new Promise((resolve) => {
      const target = Math.min(moment, Number.isFinite(video.duration) ? video.duration : moment);
      if (Math.abs(video.currentTime - target) < 0.001 && !video.seeking) return resolve();
      video.addEventListener("seeked", resolve, { once: true });
      video.currentTime = target;
    });

  // All stop, all go to the moment, and only when the last one is there they start together.
  async function moveTo(moment, start) {
    const turn = ++turns;
    moving = true;
    playing = start;
    const all = videos();
    all.forEach((video) => { video.pause(); video.playbackRate = 1; });
    await Promise.all(all.map((video) => placed(video, moment)));
    if (turn !== turns) return;
    if (start) await Promise.all(all.map((video) => video.play().catch(() => {})));
    if (turn !== turns) return;
    moving = false;
    show();
  }

  function show() {
    const first = leader();
    play.textContent = playing ? "❚❚ Pause" : "▶ Play";
    play.disabled = seek.disabled = !first;
    if (!first) return;
    const whole = Number.isFinite(first.duration) ? first.duration : 0;
    if (!moving) seek.value = String(whole ? (1000 * first.currentTime) / whole : 0);
    time.textContent = `${written(first.currentTime)} / ${written(whole)}`;
  }

  function listen() {
    const first = leader();
    videos().forEach((video) => { if (video.muted !== (video !== first)) video.muted = video !== first; });
  }

  function compare() {
    const address = difference.checked ? portrait() : null;
    root.querySelectorAll("img.difference").forEach((picture) => picture.remove());
    for (const video of videos()) {
      video.parentElement.style.filter = address ? "brightness(4)" : "";
      if (!address) continue;
      const picture = document.createElement("img");
      picture.className = "difference";
      picture.alt = "";
      picture.src = address;
      const fit = getComputedStyle(video).objectFit;
      Object.assign(picture.style, {
        position: "absolute", margin: 0, maxWidth: "none", pointerEvents: "none", mixBlendMode: "difference",
        left: `${video.offsetLeft}px`, top: `${video.offsetTop}px`, width: `${video.offsetWidth}px`,
        height: `${video.offsetHeight}px`, objectFit: fit === "fill" ? "contain" : fit, borderRadius: "inherit",
      });
      if (getComputedStyle(video.parentElement).position === "static") video.parentElement.style.position = "relative";
      video.parentElement.style.isolation = "isolate";
      video.after(picture);
    }
  }

  // A video's own controls move the others too. What this script did itself is over when it is heard of.
  const heard = {
    play: (video) => { if (!video.paused && !moving) moveTo(video.currentTime, true); },
    pause: (video) => { if (video.paused && !video.ended && !moving && playing) moveTo(video.currentTime, false); },
    seeking: (video) => {
      if (!moving && videos().some((other) => Math.abs(other.currentTime - video.currentTime) > 0.1)) {
        moveTo(video.currentTime, playing);
      }
    },
    ended: (video) => {
      if (video !== leader()) return;
      if (loop.checked) return moveTo(0, true);
      playing = false;
      show();
    },
    volumechange: (video) => {
      const index = videos().indexOf(video);
      if (!video.muted && video !== leader()) { sound.value = String(index); listen(); }
    },
    loadedmetadata: () => { listen(); show(); compare(); },
  };

  function adopt() {
    const all = videos();
    for (const video of all) {
      if (known.has(video)) continue;
      known.add(video);
      for (const [name, act] of Object.entries(heard)) video.addEventListener(name, () => act(video), { signal });
    }
    if (sound.options.length !== all.length) {
      const chosen = Math.min(Number(sound.value) || 0, Math.max(0, all.length - 1));
      sound.replaceChildren(...all.map((_, index) => new Option(`column ${index + 1}`, String(index))));
      sound.value = String(chosen);
    }
    listen();
    show();
  }

  play.addEventListener("click", () => {
    const first = leader();
    if (!first) return;
    moveTo(first.ended ? 0 : first.currentTime, !playing);
  }, { signal });
  seek.addEventListener("input", () => {
    const first = leader();
    if (first) moveTo((Number(seek.value) / 1000) * first.duration, playing);
  }, { signal });
  sound.addEventListener("change", listen, { signal });
  difference.addEventListener("change", compare, { signal });
  window.addEventListener("resize", compare, { signal });
  const watcher = new MutationObserver(adopt);
  watcher.observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] });

  // Decoders start and drift apart: those behind run faster and those ahead slower, the more the further they are off.
  // Where one was held up for long, all start anew together.
  const beat = setInterval(() => {
    const first = leader();
    if (!first || moving || !playing || first.ended) return show();
    const offs = videos().map((video) => [video, video.ended ? 0 : video.currentTime - first.currentTime]);
    if (offs.some(([, off]) => Math.abs(off) > FAR) && performance.now() - anew > PATIENCE) {
      anew = performance.now();
      return moveTo(first.currentTime, true);
    }
    for (const [video, off] of offs) {
      video.playbackRate = Math.abs(off) > NEAR ? 1 - Math.max(-0.5, Math.min(0.5, 1.5 * off)) : 1;
    }
    show();
  }, BEAT);
  signal.addEventListener("abort", () => { clearInterval(beat); watcher.disconnect(); });
  adopt();
}
