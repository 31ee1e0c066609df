// ---- sheet music, of tunes that are text

function sheetMusic({ files }, name) {
  if (!files.abc || !window.ABCJS) return null;
  const bytes = Uint8Array.from(atob(files.abc.url.split(",")[1]), (one) => one.charCodeAt(0));
  const text = new TextDecoder().decode(bytes);
  const paper = el("div", { class: "paper" });
  // when it stands on the page: abcjs measures its text there
  requestAnimationFrame(() => {
    try {
      ABCJS.renderAbc(paper, text, {
        ariaLabel: `Sheet music of ${name}`,
        responsive: "resize",
        staffwidth: Math.max(paper.clientWidth - 30, 240),
        wrap: { minSpacing: 1.4, maxSpacing: 2.6, preferredMeasuresPerLine: 4 },
      });
    } catch (error) {
      paper.textContent = `This tune cannot be engraved: ${error.message}`;
    }
  });
  return paper;
}
