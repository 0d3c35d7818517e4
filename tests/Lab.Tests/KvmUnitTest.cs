namespace KvmSevVmm.Lab.Tests;

/// <summary>One run of an image of kvm-unit-tests, as its unittests.cfg has it.</summary>
/// <param name="Name">The run's name there.</param>
/// <param name="Image">The image, without <c>.flat</c>; several runs may share one.</param>
/// <param name="Arguments">What the image is told; <c>NOW</c> is the time in seconds since 1970.</param>
internal sealed record KvmUnitTest(string Name, string Image, string Arguments = "")
{
    /// <summary>Processors.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>RAM in MiB.</summary>
    public int MemoryMiB { get; init; } = 512;

    /// <summary>How long it may take on a processor; the laboratory is given more.</summary>
    public int Seconds { get; init; } = 90;

    /// <summary>Why it cannot end by itself on the laboratory's emulated processor, whatever the monitor does; null if it can.</summary>
    public string? NotInTheLaboratory { get; init; }
}
