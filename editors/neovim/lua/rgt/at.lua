--- Where a person is: the item or agent under the cursor, the lines that are meant, the place of a file.
local M = {}

---@class rgt.Range Lines that a command was given
---@field first integer From 1
---@field last integer

--- The work items that a text names.
---@param text string
---@return string[]
function M.items(text)
  local found = {}
  for from, id in text:gmatch('()(gt%-[%l%d]+)') do
    local before = from > 1 and text:sub(from - 1, from - 1) or ' '
    local after = text:sub(from + #id, from + #id)
    if #id == 8 and not before:match('[%w_-]') and not after:match('[%w_-]') then
      found[#found + 1] = id
    end
  end
  return found
end

--- The item that is meant here: under the cursor, the only one in the line, or the one that this page is about.
---@return string? id
function M.item()
  local under = M.items(vim.fn.expand('<cWORD>'))[1]
  if under then
    return under
  end
  local line = M.items(vim.api.nvim_get_current_line())
  if #line == 1 then
    return line[1]
  end
  return M.items(vim.api.nvim_buf_get_name(0):match('^rgt:/(.*)') or '')[1]
end

--- The agent that is meant here: the one of this terminal.
---@return string? agent
function M.agent()
  return vim.b.rgt_agent
end

--- The path of a buffer as the repository has it; agents have worktrees of their own.
---@param buf integer
---@return string
function M.path(buf)
  local name = vim.api.nvim_buf_get_name(buf)
  local root = vim.fs.root(buf, '.git')
  return root and vim.fs.relpath(root, name) or vim.fn.fnamemodify(name, ':~')
end

--- Lines with their place, as Markdown.
---@param buf integer
---@param range rgt.Range
---@return string
function M.quote(buf, range)
  local lines = vim.api.nvim_buf_get_lines(buf, range.first - 1, range.last, false)
  return M.quoted(M.path(buf), range, vim.bo[buf].filetype, lines)
end

---@param path string
---@param range rgt.Range
---@param language string
---@param lines string[]
---@return string
function M.quoted(path, range, language, lines)
  local place = range.first == range.last and tostring(range.first) or ('%d-%d'):format(range.first, range.last)
  local fence = '```'
  while table.concat(lines, '\n'):find(fence, 1, true) do
    fence = fence .. '`'
  end
  return ('%s:%s\n%s%s\n%s\n%s\n'):format(path, place, fence, language, table.concat(lines, '\n'), fence)
end

return M
