using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Control;

/// <summary>The commands of a SEV guest's owner.</summary>
/// <remarks>Source: QEMU, qapi/misc-i386.json.</remarks>
/// <param name="machine">The machine.</param>
internal sealed class SevControlCommands(ControlledMachine machine)
{
    private const int NonceLength = 16;

    /// <summary>Adds the commands.</summary>
    /// <param name="commands">Takes them.</param>
    internal void AddTo(ControlCommands commands)
    {
        commands.Add("query-sev", WriteSev);
        commands.Add("query-sev-launch-measure", WriteMeasurement);
        commands.AddAsync("query-sev-capabilities", WriteCapabilitiesAsync);
        commands.AddAsync("query-sev-attestation-report", WriteReportAsync);
        commands.AddAsync("sev-inject-launch-secret", InjectSecretAsync);
    }

    private QmpAnswer WriteSev() => machine.IsSnp ? WriteSnp() : QmpAnswer.Object(json =>
    {
        MeasuredLaunch? launch = machine.Launch;
        json.WriteBoolean("enabled"u8, machine.Mode != SevMode.None);
        json.WriteNumber("api-major"u8, launch?.Firmware.ApiMajor ?? 0);
        json.WriteNumber("api-minor"u8, launch?.Firmware.ApiMinor ?? 0);
        json.WriteNumber("build-id"u8, launch?.Firmware.Build ?? 0);
        json.WriteString("state"u8, launch is null ? "uninit" : machine.State == VmState.Prelaunch ? "launch-secret" : "running");
        json.WriteString("sev-type"u8, "sev");
        json.WriteNumber("policy"u8, launch?.Result.Policy.Value ?? 0);
        json.WriteNumber("handle"u8, launch?.Result.Handle ?? 0);
        json.WriteBoolean("x-kvmsev-simulated"u8, machine.Mode == SevMode.Simulated);
    });

    private QmpAnswer WriteSnp() => QmpAnswer.Object(json =>
    {
        json.WriteBoolean("enabled"u8, true);
        json.WriteNumber("api-major"u8, machine.SnpLaunch?.Firmware.ApiMajor ?? 0);
        json.WriteNumber("api-minor"u8, machine.SnpLaunch?.Firmware.ApiMinor ?? 0);
        json.WriteNumber("build-id"u8, machine.SnpLaunch?.Firmware.Build ?? 0);
        json.WriteString("state"u8, machine.SnpLaunch is null ? "uninit" : "running");
        json.WriteString("sev-type"u8, "sev-snp");
        json.WriteNumber("snp-policy"u8, machine.SnpLaunch?.Launch.Policy.Value ?? 0);
        json.WriteBoolean("x-kvmsev-simulated"u8, machine.Mode == SevMode.Simulated);
        if (machine.SnpLaunch is { } launched)
        {
            // QEMU does not tell it; the firmware tells it to the guest alone.
            json.WriteString("x-kvmsev-launch-digest"u8, Convert.ToHexStringLower(launched.Launch.Digest.Span));
        }
    });

    private QmpAnswer WriteMeasurement()
    {
        if (machine.IsSnp)
        {
            throw new QmpException(
                "SEV launch measurement is not available: the firmware gives the host none of a SEV-SNP guest; query-sev has the launch "
                + "digest that was computed here (x-kvmsev-launch-digest)");
        }

        MeasuredLaunch launch = machine.Launch ?? throw new QmpException(
            machine.Mode == SevMode.None ? "SEV is not enabled" : "SEV launch measurement is not available yet");
        return QmpAnswer.Object(json => json.WriteString("data"u8, launch.Result.Measurement.ToString()));
    }

    private async Task<QmpAnswer> WriteCapabilitiesAsync(QmpArguments arguments)
    {
        arguments.End();
        SevCapabilities known = await machine.ReadCapabilitiesAsync().ConfigureAwait(false);
        return QmpAnswer.Object(json =>
        {
            json.WriteBase64String("pdh"u8, known.Pdh.Span);
            json.WriteBase64String("cert-chain"u8, known.Chain.Span);
            json.WriteBase64String("cpu0-id"u8, known.Id.Span);
            json.WriteNumber("cbitpos"u8, known.CBitPosition);
            json.WriteNumber("reduced-phys-bits"u8, known.ReducedPhysicalBits);
            json.WriteBoolean("x-kvmsev-simulated"u8, machine.Mode == SevMode.Simulated);
        });
    }

    private async Task<QmpAnswer> WriteReportAsync(QmpArguments arguments)
    {
        byte[] nonce = arguments.RequireBase64("mnonce");
        arguments.End();
        if (nonce.Length != NonceLength)
        {
            throw new QmpException($"SEV: mnonce must be {NonceLength} bytes (got {nonce.Length})");
        }

        byte[] report = await machine.ReadAttestationReportAsync(nonce).ConfigureAwait(false);
        return QmpAnswer.Object(json => json.WriteBase64String("data"u8, report));
    }

    private async Task<QmpAnswer> InjectSecretAsync(QmpArguments arguments)
    {
        byte[] header = arguments.RequireBase64("packet-header");
        byte[] secret = arguments.RequireBase64("secret");
        ulong? target = arguments.OptionalNumber("gpa");
        arguments.End();
        TransportPacket packet = TransportPacket.Parse(header, secret, "sev-inject-launch-secret");
        await machine.InjectSecretAsync(packet, target is ulong gpa ? new Gpa(gpa) : null).ConfigureAwait(false);
        return QmpAnswer.Empty;
    }
}
