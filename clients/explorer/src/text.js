// The page speaks Chinese, and English to a browser whose first language is English.
const chinese = {
  title: "定考 GraphQL 浏览器",
  hint: '登录后，令牌随每个标签页的请求发送；也可以在下方 Headers 里自己写 {"Authorization": "Bearer 令牌"}。左侧列表里有全部示例操作。',
  headersHint: '需要登录的操作：在下方 Headers 里写 {"Authorization": "Bearer 令牌"}，令牌由 logIn 操作取得。左侧列表里有全部示例操作。',
  account: "证件号码",
  password: "密码",
  logIn: "登录",
  loggingIn: "正在登录…",
  loggedIn: (account) => `已登录：${account}`,
  logOut: "清除令牌",
  ended: "会话已结束，请重新登录。",
  refused: "没有登录：服务器没有给出令牌。",
  examples: "示例操作",
  restore: "恢复全部示例标签页",
  restoreConfirm: "所有标签页将换回示例，您在其中的改动会丢失。继续吗？",
};

const english = {
  title: "Dingkao GraphQL explorer",
  hint: 'Once you are logged in, every tab sends the token; or write {"Authorization": "Bearer TOKEN"} under Headers yourself. The list on the left holds all examples.',
  headersHint: 'For what needs a login, write {"Authorization": "Bearer TOKEN"} under Headers; the logIn operation gives the token. The list on the left holds all examples.',
  account: "Document number",
  password: "Password",
  logIn: "Log in",
  loggingIn: "Logging in…",
  loggedIn: (account) => `Logged in: ${account}`,
  logOut: "Forget the token",
  ended: "The session is over; log in again.",
  refused: "Not logged in: the server gave no token.",
  examples: "Example operations",
  restore: "Restore all example tabs",
  restoreConfirm: "All tabs will hold the examples again and your changes in them will be lost. Go on?",
};

export const isEnglish = (navigator.languages?.[0] ?? navigator.language ?? "").toLowerCase().startsWith("en");
export const text = isEnglish ? english : chinese;
