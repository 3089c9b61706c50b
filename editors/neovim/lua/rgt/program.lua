--- Running `rgt` itself: for what needs a program of its own, such as starting a town.
local say = require('rgt.say')
local server = require('rgt.server')

local M = {}

--- Run `rgt words…` here. Its last line of errors is said when it fails.
---@param words string[]
---@param done? fun()
function M.run(words, done)
  if not server.is_installed() then
    return say.error(server.state.message)
  end
  local argv = vim.list_extend({ server.program() }, words)
  vim.system(argv, { text = true, stdin = false }, function(ran)
    vim.schedule(function()
      if ran.code == 0 then
        return done and done()
      end
      local lines = vim.split(vim.trim(ran.stderr), '\n')
      local last = lines[#lines]:gsub('^rgt: ', '')
      say.error(last ~= '' and last or ('%s: exit code %d'):format(table.concat(argv, ' '), ran.code))
    end)
  end)
end

--- Run `rgt words…` in a terminal of its own.
---@param words string[]
function M.show(words)
  if not server.is_installed() then
    return say.error(server.state.message)
  end
  local line = table.concat(words, ' ')
  local argv = vim.list_extend({ server.program() }, words)
  require('rgt.terminal').open({ argv = argv, title = 'rgt ' .. line }, 'rgt ' .. line)
end

--- The words of a command line that the town has named, such as ``rgt mq retry gt-3f8k2``; nil when it asks for more.
---@param line string
---@return string[]?
function M.words(line)
  local words = vim.split(line, '%s+', { trimempty = true })
  if table.remove(words, 1) ~= 'rgt' then
    return nil
  end
  local open = vim.iter(words):any(function(word)
    return word:match('^%u+$') ~= nil
  end)
  return not open and words or nil
end

return M
