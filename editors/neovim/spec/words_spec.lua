local command = require('rgt.command')
local needs = require('rgt.needs')
local program = require('rgt.program')
local statusline = require('rgt.statusline')

describe(':Rgt', function()
  it('completes verbs, whatever stands before it', function()
    assert.same({ 'start', 'status', 'stop' }, command.complete('st', 'Rgt st'))
    assert.same({ 'watch' }, command.complete('wa', "'<,'>Rgt! wa"))
    assert.same({ 'worktree' }, command.complete('workt', 'tab Rgt workt'))
  end)

  it('completes nothing behind what it does not know', function()
    assert.same({}, command.complete('', 'Rgt nonsense '))
    assert.same({}, command.complete('', 'Rgt needs '))
  end)
end)

describe('the command that answers a need', function()
  it('is run when it is whole', function()
    assert.same({ 'mq', 'retry', 'gt-3f8k2' }, program.words('rgt mq retry gt-3f8k2'))
    assert.same({ 'rig', 'set', 'api', 'no_gates', 'true' }, program.words('rgt rig set api no_gates true'))
  end)

  it('is not while it asks for something, or is none of ours', function()
    assert.is_nil(program.words('rgt budget set day --usd USD'))
    assert.is_nil(program.words('rgt escalate gt-3f8k2 --ack ANSWER'))
    assert.is_nil(program.words('rm -rf /'))
  end)
end)

describe('answers', function()
  local function titles(need)
    return vim.tbl_map(function(answer)
      return answer.title
    end, needs.answers(need))
  end

  it('fit what waits', function()
    local id = 'gt-3f8k2'
    local asks = { id = id, kind = 'escalation', what = 'asks: ?', command = 'rgt escalate gt-3f8k2 --ack ANSWER' }
    assert.same({ 'Approve', 'Reject', 'Answer…', 'Show' }, titles(asks))
    local blocked = { id = id, kind = 'blocked', what = 'gate test', command = 'rgt work reopen gt-3f8k2' }
    assert.same({ 'Retry merge', 'Sling a fix', 'rgt work reopen gt-3f8k2', 'Show' }, titles(blocked))
    local stuck = { id = 'api/nux', kind = 'polecat', what = 'hangs', command = 'rgt attach api/nux' }
    assert.same({ 'Attach' }, titles(stuck))
    local paused = { id = 'api', kind = 'refinery', what = 'paused', command = 'rgt mq resume api' }
    assert.same({ 'rgt mq resume api' }, titles(paused))
  end)
end)

describe('the status line', function()
  local function text(health, counts)
    return statusline.text({ health = health, message = '', counts = counts or {}, version = 0 })
  end

  it('is short', function()
    assert.equal('', text('off'))
    assert.equal('rgt ✗', text('error'))
    assert.equal('rgt !', text('warning'))
    assert.equal('rgt 0 at work', text('ok'))
    assert.equal('rgt 3 at work · 2 in queue · 1 needs you', text('ok', { agents = 3, queue = 2, needs = 1 }))
    assert.equal('rgt 3 at work · 2 need you', text('ok', { agents = 3, queue = 0, needs = 2 }))
  end)
end)
