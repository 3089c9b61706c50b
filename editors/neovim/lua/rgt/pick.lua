--- Choosing from what the town has, with `vim.ui.select`.
local say = require('rgt.say')
local town = require('rgt.town')

local M = {}

---@param parts (string|false)[]
---@return string
local function joined(parts)
  return table.concat(
    vim.tbl_filter(function(part)
      return part and part ~= ''
    end, parts),
    ' · '
  )
end

--- A row in a list.
---@param row rgt.Row
---@return string
function M.line(row)
  local state = row.state:gsub('_', ' ')
  if row.kind == 'work' then
    return joined({ row.id, state, row.agent, row.title, row.alert })
  end
  return joined({ row.id, state, row.item, row.kind ~= 'rig' and row.title, row.alert })
end

---@class rgt.Choice
---@field prompt string
---@field kinds string[]
---@field none string What is said when there is nothing to choose
---@field only? boolean Take the only one without asking
---@field fits? fun(row: rgt.Row): boolean

--- Have a row chosen.
---@param choice rgt.Choice
---@param done fun(id: string, row: rgt.Row)
function M.row(choice, done)
  town.with(function(rows)
    local found = vim.tbl_filter(choice.fits or function()
      return true
    end, town.of(rows, unpack(choice.kinds)))
    if #found == 0 then
      return say.error(choice.none)
    end
    if #found == 1 and choice.only then
      return done(found[1].id, found[1])
    end
    table.sort(found, function(a, b)
      return a.id < b.id
    end)
    local options = { prompt = choice.prompt, kind = 'rgt', format_item = M.line }
    vim.ui.select(found, options, function(row)
      if row then
        done(row.id, row)
      end
    end)
  end)
end

--- One of the agents that do not leave at the moment.
---@param prompt string
---@param done fun(id: string)
---@param only? boolean
function M.agent(prompt, done, only)
  local function stays(row)
    return row.state ~= 'parking' and row.state ~= 'parked'
  end
  M.row({
    prompt = prompt,
    kinds = { 'polecat', 'crew' },
    none = 'there are no agents — :Rgt sling',
    only = only,
    fits = stays,
  }, done)
end

--- The agent that is known already, else the only one, or one that is chosen.
---@param known string?
---@param prompt string
---@param done fun(id: string)
function M.the_agent(known, prompt, done)
  if known then
    done(known)
  else
    M.agent(prompt, done, true)
  end
end

---@param prompt string
---@param done fun(id: string, row: rgt.Row)
---@param fits? fun(row: rgt.Row): boolean
function M.item(prompt, done, fits)
  M.row({ prompt = prompt, kinds = { 'work' }, none = 'there are no such items — :Rgt create', fits = fits }, done)
end

--- A text; nothing happens when it is left empty.
---@param prompt string
---@param default string?
---@param done fun(text: string)
function M.text(prompt, default, done)
  vim.ui.input({ prompt = prompt, default = default }, function(text)
    if text and vim.trim(text) ~= '' then
      done(vim.trim(text))
    end
  end)
end

return M
