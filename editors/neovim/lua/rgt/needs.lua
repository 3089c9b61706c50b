local M = {}
function M.asked() return vim.NIL end
return M
