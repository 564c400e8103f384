// The terminal measures its font when it begins: a font that comes later would leave its cells too wide or too narrow.
const begin = window.onload;
window.onload = (event) => {
  // Keys work without a click as soon as there is somebody to send them to.
  const watch = new MutationObserver(() => {
    if (document.body.classList.contains("-loaded")) {
      watch.disconnect();
      document.querySelector(".xterm-helper-textarea").focus();
    }
  });
  watch.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  document.fonts.load('16px "Roboto Mono"').finally(() => begin(event));
};
