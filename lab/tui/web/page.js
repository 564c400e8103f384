// The terminal measures its font when it begins: a font that comes later would leave its cells too wide or too narrow.
const begin = window.onload;
window.onload = (event) =>
  document.fonts.load('16px "Roboto Mono"').finally(() => {
    begin(event);
    // Keys work at once, without a click.
    document.querySelector(".xterm-helper-textarea").focus();
  });
