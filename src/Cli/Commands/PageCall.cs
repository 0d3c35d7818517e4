namespace KvmSevVmm.Cli.Commands;

/// <summary>The guest's call that gave a page its state.</summary>
/// <param name="Generation">Its number among the accepted calls.</param>
/// <param name="Seconds">When it came, from the monitor's start.</param>
/// <param name="Vcpu">The vCPU that made it, or -1 for the monitor itself.</param>
internal sealed record PageCall(ulong Generation, decimal Seconds, int Vcpu)
{
    /// <summary>Who made it.</summary>
    internal string Caller => Vcpu < 0 ? "the monitor" : $"vCPU {Vcpu}";
}
