namespace KvmSevVmm.KvmNative.Abi;

/// <summary>The C name that a struct, field, constant or request number stands for, where it does not follow from the .NET name.</summary>
/// <remarks>
/// Read only by the layout test. A field's name follows from <c>GuestPhysAddr</c> → <c>guest_phys_addr</c>; an enum member's and a
/// constant's from <see cref="CConstantsAttribute"/>.
/// </remarks>
[AttributeUsage(AttributeTargets.Struct | AttributeTargets.Field | AttributeTargets.Property)]
public sealed class CNameAttribute : Attribute
{
    /// <summary>Names the C declaration.</summary>
    /// <param name="name">A C type such as <c>struct kvm_regs</c>, a member path such as <c>u.msi</c>, or a constant.</param>
    public CNameAttribute(string name)
    {
        Name = name;
    }

    /// <summary>Names an unnamed C struct by the member that has it as its type.</summary>
    /// <param name="name">The C type that contains the member, such as <c>struct kvm_run</c>.</param>
    /// <param name="member">The member, such as <c>io</c>.</param>
    public CNameAttribute(string name, string member)
    {
        Name = name;
        Member = member;
    }

    /// <summary>The C name.</summary>
    public string Name { get; }

    /// <summary>The member of <see cref="Name"/> whose type this is, or null.</summary>
    public string? Member { get; }
}
