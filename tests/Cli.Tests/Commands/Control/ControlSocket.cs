using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Control;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Tests.Control;
using Serilog.Core;

namespace KvmSevVmm.Cli.Tests.Commands.Control;

/// <summary>A real control socket, and behind it a machine that does what it is told and counts.</summary>
internal sealed class ControlSocket : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly ControlServer _server;
    private bool _isServerEnded;

    public ControlSocket(FakeRunningMachine? machine = null)
    {
        Machine = machine ?? new FakeRunningMachine();
        Control = new ControlledMachine(Stop) { Mode = SevMode.Simulated };
        _server = ControlServer.Start(Path, Control, Logger.None);
        Control.Attach(Machine);
    }

    /// <summary>The socket.</summary>
    public string Path => _directory.File("guest.sock");

    /// <summary>Where the socket is, for other files.</summary>
    public TempDirectory Directory => _directory;

    /// <summary>The machine.</summary>
    public FakeRunningMachine Machine { get; }

    /// <summary>The machine as the socket sees it.</summary>
    public ControlledMachine Control { get; }

    /// <summary>What ends the machine.</summary>
    public StopSignal Stop { get; } = new();

    /// <summary>Runs <c>ctl</c> on the socket.</summary>
    public CliResult Ctl(params string[] arguments) => CliRunner.Run(["ctl", "--socket", Path, .. arguments]);

    /// <summary>Ends the machine as a monitor does.</summary>
    public void End(StopReason reason)
    {
        Control.End(reason);
        EndServer();
    }

    /// <summary>Closes the socket.</summary>
    public void EndServer()
    {
        if (!_isServerEnded)
        {
            _isServerEnded = true;
            _server.Dispose();
        }
    }

    public void Dispose()
    {
        EndServer();
        Control.Dispose();
        Stop.Dispose();
        _directory.Dispose();
    }
}
