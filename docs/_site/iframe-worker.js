/* The search runs in a worker, and browsers refuse workers to pages that are opened from a file. There, and only
   there, a hidden frame of the same page takes the worker's place: the same script, the same messages. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(script) {
      super()
      this.waiting = []
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.appendChild(frame)
      this.inner = frame.contentWindow
      this.inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      const element = frame.contentDocument.createElement("script")
      element.src = script
      element.onload = () => {
        const waiting = this.waiting
        this.waiting = null
        waiting.forEach((data) => this.postMessage(data))
      }
      element.onerror = () => this.dispatchEvent(new Event("error"))
      frame.contentDocument.body.appendChild(element)
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data)
      else this.inner.dispatchEvent(new MessageEvent("message", { data }))
    }

    terminate() {
      this.inner.frameElement.remove()
    }
  }
}
