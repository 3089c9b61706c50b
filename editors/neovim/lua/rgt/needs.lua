--- What waits for a person, and its answers.
local config = require('rgt.config')
local page = require('rgt.page')
local pick = require('rgt.pick')
local program = require('rgt.program')
local say = require('rgt.say')
local server = require('rgt.server')

local M = {}

---@class rgt.Need
---@field id string
---@field kind string
---@field what string
---@field command string The command line that answers it

---@class rgt.Answer
---@field title string
---@field run fun()

---@param title string
---@param command string
---@param object table
---@return rgt.Answer
local function of_server(title, command, object)
  return {
    title = title,
    run = function()
      server.call(command, object)
    end,
  }
end

---@param id string
---@return rgt.Answer[]
local function to_question(id)
  return {
    of_server('Approve', 'ack', { id = id, message = 'approved' }),
    of_server('Reject', 'ack', { id = id, message = 'rejected' }),
    {
      title = 'Answer…',
      run = function()
        pick.text(id .. ': ', nil, function(text)
          server.call('ack', { id = id, message = text })
        end)
      end,
    },
  }
end

--- What can be done about a need, the likeliest first.
---@param need rgt.Need
---@return rgt.Answer[]
function M.answers(need)
  local answers = {} ---@type rgt.Answer[]
  if need.kind == 'escalation' then
    answers = to_question(need.id)
  elseif need.command:find('^rgt attach ') then
    answers[1] = {
      title = 'Attach',
      run = function()
        require('rgt.terminal').attach(need.id)
      end,
    }
  else
    if need.kind == 'blocked' then
      answers = {
        of_server('Retry merge', 'mq.retry', { id = need.id }),
        of_server('Sling a fix', 'fix', { id = need.id }),
      }
    end
    answers[#answers + 1] = {
      title = need.command,
      run = function()
        local words = program.words(need.command)
        if words then
          return program.run(words)
        end
        -- It asks for an amount, a name: the person writes it.
        pick.text('run: ', need.command, function(line)
          local typed = program.words(line)
          if typed then
            program.run(typed)
          else
            say.error('write what stands in capitals')
          end
        end)
      end,
    }
  end
  if need.id:find('^gt%-') then
    answers[#answers + 1] = {
      title = 'Show',
      run = function()
        page.show(need.id)
      end,
    }
  end
  return answers
end

---@param prompt string
---@param answers rgt.Answer[]
local function choose(prompt, answers)
  vim.ui.select(answers, {
    prompt = prompt,
    kind = 'rgt',
    format_item = function(answer)
      return answer.title
    end,
  }, function(answer)
    if answer then
      answer.run()
    end
  end)
end

--- Choose one of all that waits, then its answer.
function M.pick()
  server.call('needs', {}, function(found)
    if #found.rows == 0 then
      return vim.api.nvim_echo({ { 'nothing needs you' } }, true, {})
    end
    vim.ui.select(found.rows, {
      prompt = 'Needs you',
      kind = 'rgt',
      format_item = function(need)
        return ('%s · %s'):format(need.id, need.what)
      end,
    }, function(need)
      if need then
        choose(('%s %s'):format(need.id, need.what), M.answers(need))
      end
    end)
  end)
end

--- Answer the question of an item.
---@param id string
function M.answer(id)
  choose('Answer ' .. id, to_question(id))
end

--- `window/showMessageRequest`: an agent asks. One line, unless a dialog is wished; closing it answers nothing.
function M.asked(err, params, ctx)
  if config.get().questions == 'select' then
    return vim.lsp.handlers['window/showMessageRequest'](err, params, ctx)
  end
  say.warn((params.message:gsub('%s+', ' ')), ' — :Rgt needs')
  return vim.NIL
end

return M
