using System.Security.Cryptography;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;

namespace KvmSevVmm.Cli.Tests.Owner;

/// <summary>
/// A directory in which an owner and a host with a model work, each by the command line; the launch itself is played here.
/// </summary>
internal sealed class OwnerDirectory : IDisposable
{
    private readonly TempDirectory _directory = new();

    /// <summary>The model's directory.</summary>
    public string Model => File("psp");

    /// <summary>The policy that sessions are made for.</summary>
    public SevPolicy Policy { get; init; } = new(3);

    /// <summary>The bytes that a launch loads.</summary>
    public byte[] Loaded { get; } = [.. Enumerable.Range(0, 8192).Select(static index => (byte)(index * 5))];

    /// <summary>The launch digest of <see cref="Loaded"/>.</summary>
    public string Digest => Convert.ToHexStringLower(SHA256.HashData(Loaded));

    /// <summary>A path in the directory.</summary>
    public string File(string name) => _directory.File(name);

    /// <summary>Runs the program and asserts that it succeeds.</summary>
    public static CliResult Succeed(params string[] arguments)
    {
        CliResult result = CliRunner.Run(arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)}: {result.ExitCode}\n{result.Output}{result.Error}");
        return result;
    }

    /// <summary>Exports the model's chain and makes a session for it: <c>vm_*</c>.</summary>
    public void MakeSession()
    {
        Succeed("platform", "export", File("platform.chain"), "--full", "--model", Model);
        Succeed(
            "session", "create", File("platform.chain"), "--policy", Policy.ToString(), "--name", File("vm"), "--allow-simulated");
    }

    /// <summary>Launches a guest on the model as a host does, with the owner's files, up to the measurement.</summary>
    /// <param name="use">Gets the guest and its measurement while it can take a secret.</param>
    public void Launch(Action<SoftwareSevGuest, LaunchMeasurement> use)
    {
        using SoftwarePsp psp = SoftwarePsp.Open(Model);
        using SoftwareSevGuest guest = psp.CreateGuest(static () => [new byte[4096]]);
        guest.Initialize(Policy.EncryptedState ? SevGuestKind.SevEs : SevGuestKind.Sev);
        byte[] godh = Sev.EncodedBlob.ReadFile(File("vm_godh.b64"), "GODH", 2084).Bytes;
        byte[] session = SessionBlob.Read(File("vm_session.b64"), out _).Bytes.ToArray();
        guest.LaunchStart(new LaunchStartRequest(Policy, godh, session));
        byte[] memory = [.. Loaded];
        guest.LaunchUpdateData(new GuestPiece(0x10_0000, 0, memory));
        LaunchMeasurement measurement = guest.LaunchMeasure();
        use(guest, measurement);
        guest.LaunchFinish();
    }

    public void Dispose() => _directory.Dispose();
}
