// Before anything is drawn: the theme chosen last time, if the browser lets the page remember it.
try{const t=localStorage.getItem("evenhand-theme");if(t)document.documentElement.dataset.theme=t}catch(e){}
