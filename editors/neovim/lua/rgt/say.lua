--- What a person is told. Nothing is said when all went well.
local M = {}

--- One line of something that went wrong. Every plain string, or the error of a request.
---@param err string|{ message: string }
function M.error(err)
  vim.notify('rgt: ' .. (type(err) == 'table' and err.message or tostring(err)), vim.log.levels.ERROR)
end

--- One line that needs somebody, such as the question of an agent.
---@param line string
function M.warn(line)
  vim.notify('rgt: ' .. line, vim.log.levels.WARN)
end

return M
