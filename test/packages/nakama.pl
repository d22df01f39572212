# Stands for a Nakama: started by a perl that is called nakama, it listens on 7350 and does what a line asks of it.
#
#   grow MIB      holds that much more memory
#   child MIB     a child of it grows like that, and ends
#   wait          answers and goes on
use strict;
use warnings;
use Socket;

my $held = '';

sub grow {
	my $length = length($held) + ($_[0] << 20);
	vec($held, $length - 1, 8) = 1; # every byte up to it is written
}

socket(my $listener, PF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1) or die $!;
bind($listener, sockaddr_in(7350, INADDR_ANY)) && listen($listener, 16) or die $!;
while (accept(my $client, $listener)) {
	my ($verb, $mib) = split ' ', readline($client) // '';
	if ($verb eq 'grow') {
		grow($mib);
	} elsif ($verb eq 'child') {
		my $pid = fork // die $!;
		if ($pid == 0) {
			grow($mib);
			exit;
		}
		waitpid $pid, 0;
	}
	syswrite $client, "done\n";
	close $client;
}
