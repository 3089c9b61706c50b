--- The rows of the town, for completion and pickers: asked for when they are needed and the town has changed.
local server = require('rgt.server')

local M = {}

---@class rgt.Row
---@field kind string
---@field id string
---@field state string
---@field title string
---@field rig string
---@field agent string
---@field item string
---@field alert string

---@type rgt.Row[]
M.rows = {}
local version ---@type integer?

--- The rows as they were last heard of, which is now unless the server is away.
---@return rgt.Row[]
function M.look()
  if version ~= server.state.version or server.state.health == 'off' then
    local answer = server.ask('rows', {})
    if answer then
      M.rows, version = answer.rows, server.state.version
    else
      server.start()
    end
  end
  return M.rows
end

--- The rows, when somebody waits for them anyway.
---@param done fun(rows: rgt.Row[])
function M.with(done)
  server.call('rows', {}, function(answer)
    M.rows, version = answer.rows, server.state.version
    done(answer.rows)
  end)
end

---@param rows rgt.Row[]
---@param ... string
---@return rgt.Row[]
function M.of(rows, ...)
  local kinds = { ... }
  return vim.tbl_filter(function(row)
    return vim.list_contains(kinds, row.kind)
  end, rows)
end

---@param ... string kinds
---@return fun(): string[]
local function names(...)
  local kinds = { ... }
  return function()
    local found = vim.tbl_map(function(row)
      return row.id
    end, M.of(M.look(), unpack(kinds)))
    table.sort(found)
    return found
  end
end

M.agents = names('polecat', 'crew')
M.rigs = names('rig')
M.items = names('work')
M.targets = names('rig', 'crew')
M.things = names('work', 'polecat', 'crew', 'rig')

return M
