# Reverse-path filter policy of network devices, put into force.
#
# @param policy
#   The policy, as text. It is the whole policy of the host: keep no other file in /etc/rpfpolicy.d.
# @param policy_file
#   Where it is written.
# @param packages
#   `rpfpolicy` alone is enough to report; then nothing is kept right between two runs.
# @param service
#   Whether the agent shall run, now and after the next boot.
# @param apply
#   Write what is not as wanted with `rpfpolicy apply --once`, in either mode of the policy: for hosts
#   without the agent.
class rpfpolicy (
  String[1]            $policy,
  Pattern[/\A\//]      $policy_file = '/etc/rpfpolicy.d/10-puppet.conf',
  Array[String[1]]     $packages    = ['rpfpolicy', 'rpfpolicy-agent'],
  Boolean              $service     = true,
  Boolean              $apply       = false,
) {
  package { $packages:
    ensure => installed,
  }

  # A policy with an error is not put in place, and every error is named: the file stays as it was.
  file { $policy_file:
    ensure       => file,
    owner        => 'root',
    group        => 'root',
    mode         => '0644',
    content      => $policy,
    validate_cmd => '/usr/bin/rpfpolicy validate %',
    require      => Package[$packages],
  }

  # Compares what is on disk with what is in force; so a file that was changed by hand, or one that an
  # earlier run could not accept, is taken, too.
  exec { 'rpfpolicy accept':
    path     => ['/usr/bin', '/bin'],
    provider => shell,
    unless   => 'rpfpolicy check --format=ndjson | head -n 1 | grep -Eq \'"accepted": ?true\'',
    require  => File[$policy_file],
  }

  if $service and 'rpfpolicy-agent' in $packages {
    service { 'rpfpolicy-agent':
      ensure  => running,
      enable  => true,
      require => Exec['rpfpolicy accept'],
      before  => Exec['rpfpolicy apply'],
    }
  }

  # Without $apply it is never carried out and shows, in each report, that a value is not as wanted.
  exec { 'rpfpolicy apply':
    command  => 'rpfpolicy apply --once',
    path     => ['/usr/bin', '/bin'],
    provider => shell,
    onlyif   => 'rpfpolicy plan >/dev/null 2>&1; test $? -eq 2',
    noop     => $apply ? { true => undef, default => true },
    require  => Exec['rpfpolicy accept'],
  }
}
