--- What a person is told. Nothing is said when all went well.
local M = {}

--- One line of something that went wrong. Every plain string, or the error of a request.
---@param err string|{ message: string }
function M.error(err)
  vim.notify('rgt: ' .. (type(err) == 'table' and err.message or tostring(err)), vim.log.levels.ERROR)
end

--- One line that nobody has asked for, such as an agent's question. It must fit, for a longer one would want Enter.
---@param line string What may be cut
---@param rest? string What stays behind it
function M.warn(line, rest)
  rest = rest or ''
  local room = vim.v.echospace - vim.fn.strdisplaywidth('rgt: ' .. rest) - 1
  if vim.fn.strdisplaywidth(line) > room then
    line = vim.fn.strcharpart(line, 0, math.max(room - 1, 10)) .. '…'
  end
  vim.notify('rgt: ' .. line .. rest, vim.log.levels.WARN)
end

return M
