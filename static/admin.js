/* One key: / goes to the search of the support desk. */
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  event.preventDefault();
  const field = document.getElementById("support-q");
  field?.focus();
  field?.select();
});
