// Ties the videos of a row together: play, pause, seek, loop, the sound of one, the difference to the portrait.
// tieVideos({bar, root, portrait}): `bar` holds the controls by their data-role, `root` the videos, which may come and
// go, and portrait() is the address of the picture, or null.
function tieVideos({ bar, root, portrait }) {
  const role = (name) => bar.querySelector(`[data-role="${name}"]`);
  const play = role("play"), seek = role("seek"), time = role("time");
  const loop = role("loop"), sound = role("sound"), difference = role("difference");
  const NEAR = 0.02, LAG = 0.03, FAR = 1.5;  // seconds
  const PULL = 3, BRAKE = 10;  // of its speed, for every second that a video is off
  const BEAT = 50, SHOWN = 200, STOPPED = 500, PATIENCE = 5000;  // milliseconds

  // Tied a second time, when the page drew its controls anew: what the first time left must go.
  root.tied?.abort();
  root.tied = new AbortController();
  const { signal } = root.tied;
  const known = new WeakSet();
  let turns = 0, goal = 0, moving = false, playing = false;
  let last = performance.now(), lively = last, anew = -PATIENCE;

  const videos = () => [...root.querySelectorAll("video")].filter((video) => video.currentSrc || video.src);
  // One that is still loading, or failed to, is neither placed nor waited for; `follow` takes it in when it is there.
  const ready = () => videos().filter((video) => video.readyState > 0 && !video.error);
  const leader = () => {
    const all = videos(), chosen = all[Number(sound.value)];
    return ready().includes(chosen) ? chosen : ready()[0] ?? chosen ?? all[0];
  };
  const written = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;

  const goalOf = (video) => Math.min(goal, Number.isFinite(video.duration) ? video.duration : goal);

  const placed = (video) =>
    new Promise((resolve) => {
      const target = goalOf(video);
      if (Math.abs(video.currentTime - target) < 0.001 && !video.seeking) return resolve();
      const arrived = new AbortController();
      const look = () => {
        // What is heard of may be an earlier seek, which this one replaced.
        if (video.seeking && !video.error) return;
        arrived.abort();
        resolve();
      };
      for (const name of ["seeked", "emptied", "error"]) video.addEventListener(name, look, arrived);
      video.currentTime = target;
    });

  // All stop, all go to the moment, and only when the last one is there they start together.
  async function moveTo(moment, start) {
    const turn = ++turns;
    goal = moment;
    moving = true;
    playing = start;
    show();
    const all = ready();
    all.forEach((video) => { video.pause(); video.playbackRate = 1; });
    await Promise.all(all.map((video) => placed(video)));
    if (turn !== turns) return;
    moving = false;
    if (start) all.forEach((video) => video.play().catch((error) => refused(error, turn)));
    show();
  }

  // A browser may want a click before it lets anything be heard. Other refusals are of plays that were overtaken.
  function refused(error, turn) {
    if (error.name === "NotAllowedError" && turn === turns) moveTo(leader().currentTime, false);
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

  // A video's own controls move the others too. What this script did itself is heard of while it moves them, or is what
  // is so by then anyhow.
  const heard = {
    play: (video) => { if (!video.paused && !moving && !playing) moveTo(video.currentTime, true); },
    pause: (video) => { if (video.paused && !video.ended && !moving && playing) moveTo(video.currentTime, false); },
    seeking: (video) => {
      const away = (other) => Math.abs(other.currentTime - video.currentTime) > 0.1;
      if (moving ? Math.abs(video.currentTime - goalOf(video)) > 0.01 : ready().some(away)) {
        // One that had ended and is played again goes back to its start by itself.
        moveTo(video.currentTime, playing || !video.paused);
      }
    },
    ended: (video) => {
      if (video !== leader()) return;
      if (loop.checked) return moveTo(0, true);
      playing = false;
      videos().forEach((other) => { other.playbackRate = 1; });
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
    if (first?.duration) moveTo((Number(seek.value) / 1000) * first.duration, playing);
  }, { signal });
  sound.addEventListener("change", listen, { signal });
  difference.addEventListener("change", compare, { signal });
  window.addEventListener("resize", compare, { signal });
  const watcher = new MutationObserver(adopt);
  watcher.observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] });

  // How fast one plays that is so many seconds ahead. Below a half there is no sound any more: then it waits.
  const pace = (off, gain) => {
    const speed = Math.min(1.5, 1 - gain * off);
    return speed < 0.5 ? 0 : speed;
  };

  // Videos start and drift apart: a browser keeps the time of those that are muted by a clock of its own, which loses
  // what the machine has no time for. Those behind run faster and those ahead slower, the more the further they are
  // off; where that is not enough, the one that is heard waits for the last. Where one stopped, or is very far off,
  // all start anew together.
  function follow() {
    const now = performance.now(), since = (now - last) / 1000, first = leader();
    last = now;
    if (!first || moving || !playing || first.ended) { lively = now; return; }
    const running = ready().filter((video) => !video.ended);
    const moments = running.map((video) => video.currentTime);
    if (!running.some((video) => video.paused)) lively = now;
    const far = moments.some((moment) => Math.abs(moment - first.currentTime) > FAR);
    if ((far || now - lively > STOPPED) && now - anew > PATIENCE) {
      anew = now;
      moveTo(first.currentTime, true);
      return;
    }
    const lead = first.currentTime - Math.min(...moments);
    running.forEach((video, index) => {
      const ahead = moments[index] - first.currentTime;
      const off = video === first ? Math.max(0, lead - LAG) : Math.abs(ahead) > NEAR ? ahead : 0;
      // The later the beats come on a busy machine, the gentler: each speed lasts until the next one.
      video.playbackRate = pace(off, Math.min(video === first ? BRAKE : PULL, 0.5 / since));
    });
  }
  const timers = [setInterval(follow, BEAT), setInterval(show, SHOWN)];
  signal.addEventListener("abort", () => { timers.forEach(clearInterval); watcher.disconnect(); });
  adopt();
}
