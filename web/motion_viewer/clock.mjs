// The time that picture and curves follow: the sound's own while it sounds, else that of the machine.
export class Clock {
  constructor({ onState }) {
    this.onState = onState;
    this.audio = null;
    this.duration_s = 0;
    this.playing = false;
    this.onAudio = false;
    this.from_s = 0;
    this.started_ms = 0;
    this.muted = false;
  }

  // url is null where there is no sound. Resolves when the sound is ready; rejects where it cannot be played.
  load(url, duration_s) {
    this.close();
    this.duration_s = duration_s;
    this.from_s = 0;
    if (!url) return Promise.resolve();
    const audio = new Audio();
    audio.preload = "auto";
    audio.muted = this.muted;
    audio.onended = () => this.onAudio && this.leaveAudio(audio.currentTime);
    this.audio = audio;
    return new Promise((resolve, reject) => {
      audio.oncanplay = resolve;
      audio.onerror = () => {
        if (this.audio !== audio) return resolve();
        this.audio = null;
        reject(new Error(audio.error?.message || "the sound cannot be played"));
      };
      audio.src = url;
    });
  }

  get hasAudio() {
    return this.audio !== null;
  }

  get time_s() {
    if (!this.playing) return this.from_s;
    const now_s = this.onAudio
      ? this.audio.currentTime
      : this.from_s + (performance.now() - this.started_ms) / 1000;
    return Math.min(now_s, this.duration_s);
  }

  async play() {
    if (this.from_s >= this.duration_s) this.from_s = 0;
    this.playing = true;
    this.leaveAudio(this.from_s);
    if (this.audio && !(this.from_s >= this.audio.duration)) {
      this.audio.currentTime = this.from_s;
      try {
        await this.audio.play();
        this.onAudio = this.playing;
      } catch (error) {
        if (error.name !== "AbortError") this.pause();
      }
    }
    this.onState();
  }

  pause() {
    this.from_s = this.time_s;
    this.playing = this.onAudio = false;
    this.audio?.pause();
    this.onState();
  }

  seek(time_s) {
    this.from_s = Math.min(Math.max(time_s, 0), this.duration_s);
    this.started_ms = performance.now();
    if (!this.audio) return;
    if (this.from_s < this.audio.duration) {
      this.audio.currentTime = this.from_s;
      if (this.playing && !this.onAudio) this.play();
    } else {
      this.onAudio = false;
      this.audio.pause();
    }
  }

  setMuted(muted) {
    this.muted = muted;
    if (this.audio) this.audio.muted = muted;
  }

  // What comes after the sound's end, or before it begins.
  leaveAudio(time_s) {
    this.onAudio = false;
    this.from_s = time_s;
    this.started_ms = performance.now();
  }

  close() {
    if (this.playing) this.pause();
    const audio = this.audio;
    this.audio = null;
    if (!audio) return;
    audio.removeAttribute("src");
    audio.load();
  }
}
