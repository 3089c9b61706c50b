--- A part for the status line: `%{v:lua.require'rgt.statusline'.get()}`. It reads what is known and asks nobody.
local M = {}

local SIGNS = { error = '✗', warning = '!' }

---@param state rgt.State
---@return string
function M.text(state)
  if state.health == 'off' then
    return ''
  end
  if SIGNS[state.health] then
    return 'rgt ' .. SIGNS[state.health]
  end
  local counts = state.counts
  local parts = { ('rgt %d at work'):format(counts.agents or 0) }
  if (counts.queue or 0) > 0 then
    parts[#parts + 1] = ('%d in queue'):format(counts.queue)
  end
  if (counts.needs or 0) > 0 then
    parts[#parts + 1] = counts.needs == 1 and '1 needs you' or ('%d need you'):format(counts.needs)
  end
  return table.concat(parts, ' · ')
end

---@return string
function M.get()
  local loaded = package.loaded['rgt.server']
  return loaded and M.text(loaded.state) or ''
end

return M
