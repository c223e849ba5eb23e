// What the server wrote into the page: the tabs, and how to log in (null where the server offers no logging in here).
const setup = JSON.parse(document.getElementById("explorer-setup").textContent);

export const exampleTabs = setup.tabs;
export const logIn = setup.logIn;
