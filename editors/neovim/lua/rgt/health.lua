--- `:checkhealth rgt`
local M = {}

local h = vim.health

local function editor()
  h.start('rgt: editor')
  h.ok('Neovim ' .. tostring(vim.version()))
  local _, problems = require('rgt.config').check(vim.g.rgt)
  for _, problem in ipairs(problems) do
    h.error(problem, { 'see :help g:rgt' })
  end
  if #problems == 0 then
    h.ok('vim.g.rgt is right')
  end
  if vim.lsp.is_enabled('rgt') then
    h.ok('the language server is enabled for files')
  else
    h.info("no lenses and diagnostics in files without: vim.lsp.enable('rgt')")
  end
end

---@return boolean
local function programs()
  h.start('rgt: programs')
  local server = require('rgt.server')
  local program = server.program()
  local there = vim.fn.executable(program) == 1
  if there then
    local ran = vim.system({ program, 'version' }, { text = true }):wait(5000)
    local version = vim.version.parse(ran.stdout or '')
    if ran.code ~= 0 or not version then
      h.error(('%s does not say its version'):format(program), { 'install rgt again' })
    elseif vim.version.lt(version, server.NEEDS) then
      h.error(('rgt %s is too old'):format(version), { ('upgrade rgt to %s or newer'):format(server.NEEDS) })
    else
      h.ok(('rgt %s: %s'):format(version, vim.fn.exepath(program)))
    end
  else
    h.error(('%s is not to be found'):format(program), {
      'install rgt, or put it on PATH',
      "or say where it is: vim.lsp.config('rgt', { cmd = { '/path/to/rgt', 'lsp' } })",
    })
  end
  for _, name in ipairs({ 'tmux', 'git' }) do
    if vim.fn.executable(name) == 1 then
      h.ok(name .. ': ' .. vim.fn.exepath(name))
    else
      h.error(name .. ' is not to be found', { 'install it' })
    end
  end
  return there
end

local function town()
  h.start('rgt: town')
  local server = require('rgt.server')
  local settled = false
  server.with(function()
    settled = true
  end)
  vim.wait(5000, function()
    return settled
  end, 10)
  local state = server.state
  if state.health == 'ok' then
    h.ok(state.message)
  elseif state.health == 'warning' then
    h.warn(state.message)
  else
    h.error(state.message ~= '' and state.message or 'the language server gives no answer', { ':Rgt restart' })
  end
end

function M.check()
  editor()
  if programs() then
    town()
  end
end

return M
