--- What can be set: `vim.g.rgt`, before the plugin is used. There is no `setup()`.
local M = {}

---@class rgt.Opts
---@field window? 'split'|'vsplit'|'tab'|'current' Where terminals open (`split`)
---@field code_lens? boolean Draw lenses by itself, and again when the town changes (true)
---@field questions? 'notify'|'select' What an agent's question does: one line, or a dialog at once (`notify`)

---@class rgt.Config: rgt.Opts All of it, checked
---@field window 'split'|'vsplit'|'tab'|'current'
---@field code_lens boolean
---@field questions 'notify'|'select'
local DEFAULTS = { window = 'split', code_lens = true, questions = 'notify' }

---@type table<string, string[]>
local CHOICES = {
  window = { 'split', 'vsplit', 'tab', 'current' },
  questions = { 'notify', 'select' },
}

--- The settings with what is wrong in them left out, and a line for each mistake.
---@param given any `vim.g.rgt`: a table, or a function that gives one
---@return rgt.Config
---@return string[] problems
function M.check(given)
  local found, problems = vim.deepcopy(DEFAULTS), {}
  if type(given) == 'function' then
    local ok, value = pcall(given)
    if not ok then
      return found, { ('vim.g.rgt: %s'):format(value) }
    end
    given = value
  end
  if given ~= nil and type(given) ~= 'table' then
    return found, { ('vim.g.rgt must be a table, not a %s'):format(type(given)) }
  end
  for key, value in vim.spairs(given or {}) do
    local choices = CHOICES[key]
    if DEFAULTS[key] == nil then
      problems[#problems + 1] = ('vim.g.rgt.%s: there is no such setting'):format(key)
    elseif choices and not vim.list_contains(choices, value) then
      problems[#problems + 1] = ('vim.g.rgt.%s must be one of %s'):format(key, table.concat(choices, ', '))
    elseif type(value) ~= type(DEFAULTS[key]) then
      problems[#problems + 1] = ('vim.g.rgt.%s must be a %s, not a %s'):format(key, type(DEFAULTS[key]), type(value))
    else
      found[key] = value
    end
  end
  return found, problems
end

--- The settings as they are now. Mistakes are said once.
---@return rgt.Config
function M.get()
  local found, problems = M.check(vim.g.rgt)
  for _, problem in ipairs(problems) do
    vim.notify_once('rgt: ' .. problem, vim.log.levels.ERROR)
  end
  return found
end

--- Make the window that something new is shown in.
function M.open_window()
  local how = { split = 'botright split', vsplit = 'botright vsplit', tab = 'tab split' }
  local command = how[M.get().window]
  if command then
    vim.cmd(command)
  end
end

return M
