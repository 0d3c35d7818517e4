namespace KvmSevVmm.Sev;

/// <summary>The version of the SEV firmware as PLATFORM_STATUS reports it.</summary>
/// <param name="ApiMajor">Major version of the SEV API.</param>
/// <param name="ApiMinor">Minor version of the SEV API.</param>
/// <param name="Build">Build number.</param>
public readonly record struct SevFirmwareVersion(byte ApiMajor, byte ApiMinor, byte Build)
{
    /// <summary>True when the firmware's API is that version or a later one.</summary>
    /// <param name="major">Major version wanted.</param>
    /// <param name="minor">Minor version wanted.</param>
    public bool IsAtLeast(byte major, byte minor) => ApiMajor > major || (ApiMajor == major && ApiMinor >= minor);

    /// <summary>The version as AMD writes it: <c>1.55 build 25</c>.</summary>
    public override string ToString() => $"{ApiMajor}.{ApiMinor} build {Build}";
}
